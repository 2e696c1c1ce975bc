/* Makes and frees the state that all rooms share, and hands out the snapshot that serves. */
#include "engine_state.h"

#include <errno.h>

#include "fair_lock.h"
#include "thread.h"

int fd_engine_state_new(const fd_engine_options *options, fd_store *store, fd_engine **ret) {
    fd_engine *engine = calloc(1, sizeof(*engine));
    if (!engine) {
        fd_store_close(store);
        return -ENOMEM;
    }
    fd_engine_options defaults = fd_engine_defaults();
    engine->options = *options;
    if (!engine->options.now_ms)
        engine->options.now_ms = defaults.now_ms;
    if (!engine->options.steady_ms)
        engine->options.steady_ms = defaults.steady_ms;
    engine->store = store;
    fd_fair_lock_init(&engine->state_lock);

    int r = fd_metrics_new(&engine->metrics);
    if (r == 0)
        r = fd_annotators_new(&engine->annotators);
    if (r < 0) {
        fd_engine_state_free(engine);
        return r;
    }
    *ret = engine;
    return 0;
}

void fd_engine_state_free(fd_engine *engine) {
    fd_snapshot_free(engine->snapshot);
    fd_growing_matrix_free(engine->text_features);
    fd_growing_matrix_free(engine->groups);
    free(engine->arrivals.embeddings);
    fd_label_table_clear(&engine->labels);
    fd_score_table_clear(&engine->scores);
    free(engine->embedder);
    fd_item_table_clear(&engine->items);
    (void)pthread_rwlock_destroy(&engine->state_lock);
    if (engine->annotators)
        fd_annotators_free(engine->annotators);
    if (engine->metrics)
        fd_metrics_free(engine->metrics);
    fd_store_close(engine->store);
    free(engine);
}

fd_snapshot *fd_engine_snapshot_or_null(fd_engine *engine) {
    FD_READ_LOCKED(&engine->state_lock);
    return engine->snapshot ? fd_snapshot_reference(engine->snapshot) : NULL;
}

int fd_engine_snapshot(fd_engine *engine, fd_snapshot **ret, fd_fault *fault) {
    fd_snapshot *snapshot = fd_engine_snapshot_or_null(engine);
    if (!snapshot)
        return fd_fault_set(fault, -EAGAIN, "", "there are no items yet: add some first");
    *ret = snapshot;
    return 0;
}
