#include "engine.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "fair_lock.h"
#include "log.h"
#include "private.h"

static int64_t system_now_ms(void *context) {
    (void)context;
    return fd_wall_milliseconds();
}

static int64_t system_steady_ms(void *context) {
    (void)context;
    return (int64_t)(fd_monotonic_seconds() * 1e3);
}

fd_engine_options fd_engine_defaults(void) {
    return (fd_engine_options){
        .components = 128,
        .hidden_layers = 2,
        .hidden_width = 64,
        .strategy = "i-opt",
        .copy_distance = 0.02,
        .offer = {.candidates = "in_prompt", .per_pair = 16, .contested = 0.7},
        .ready = 32,
        .redundancy = 1,
        .redundancy_share = 1.0,
        .control_fraction = 0.1,
        .max_skips = 2,
        .lease_seconds = 600,
        .models_kept = 20,
        .refit = true,
        .retrain_labels = 100,
        .retrain_seconds = 60,
        .stuck_seconds = 600,
        .held_out_fraction = 0.1,
        .stop_below = 0.005,
        .train = fi_train_defaults(),
        .now_ms = system_now_ms,
        .steady_ms = system_steady_ms,
    };
}

/* ---- replay ---- */

struct replay {
    fd_engine *engine;
    fd_counts counts; /* of what is to come */
    fd_fault *fault;
};

static int replay_item(void *context, const fd_item_row *row) {
    struct replay *replay = context;
    fd_engine *engine = replay->engine;
    size_t index = engine->items.count;
    if (row->index != index)
        return fd_fault_set(replay->fault, -EBADMSG, "", "item %zu is missing from the store",
                            index);
    int r = 0;
    if (!engine->embeddings)
        r = fd_rows_new(row->dimension, replay->counts.items, &engine->embeddings);
    if (r == 0 && row->dimension != engine->embeddings->width)
        return fd_fault_set(replay->fault, -EBADMSG, "",
                            "item \"%s\" has %zu numbers, those before it %zu", row->id,
                            row->dimension, engine->embeddings->width);
    if (r == 0)
        r = fd_rows_reserve(&engine->embeddings, index, 1);
    if (r < 0)
        return r;

    FD_CLEANUP(fd_item_entry_freep) fd_item_entry *entry = NULL;
    r = fd_item_entry_new(row, &entry);
    if (r == 0)
        r = fd_item_table_reserve(&engine->items, 1, &entry, &row->prompt_id, 1);
    if (r < 0)
        return r;
    memcpy(fd_rows_at(engine->embeddings, index), row->embedding, row->dimension * sizeof(float));
    fd_item_table_add(&engine->items, FD_STEAL(entry));
    return 0;
}

static int replay_label(void *context, const fd_label_row *row) {
    struct replay *replay = context;
    fd_engine *engine = replay->engine;
    if (row->item_a >= engine->items.count || row->item_b >= engine->items.count)
        return fd_fault_set(replay->fault, -EBADMSG, "", "label \"%s\" names an unknown item",
                            row->id);
    if (row->sequence != (int64_t)engine->answers.count + 1 || row->original > row->sequence)
        return fd_fault_set(replay->fault, -EBADMSG, "", "revision %lld of the labels is missing",
                            (long long)engine->answers.count + 1);
    uint32_t annotator;
    int r = fd_answer_table_reserve(&engine->answers, 1);
    if (r == 0)
        r = fd_assign_number(engine, row->annotator, &annotator);
    if (r != 0)
        return r;
    fd_answer answer = {
        .pair = {row->item_a, row->item_b},
        .label = (uint32_t)(row->original - 1),
        .annotator = annotator,
        .preference = (uint8_t)row->preference,
        .held_out = fd_pair_is_held_out(engine->items.entries[row->item_a]->id,
                                        engine->items.entries[row->item_b]->id,
                                        engine->options.held_out_fraction),
        .origin = fd_origin_of(row->assignment),
        .created_ms = row->created_ms,
        .duration_ms = row->duration_ms,
    };
    fd_preference before = row->revision > 0
                               ? (fd_preference)engine->answers.answers[answer.label].newest
                               : FD_PREFER_RETRACTED;
    fd_answer_table_add(&engine->answers, &answer);
    return fd_assign_replay(engine, row, annotator, before);
}

static int replay_store(fd_engine *engine, fd_fault *fault) {
    const fd_store_operations *store = engine->store->operations;
    struct replay replay = {.engine = engine, .fault = fault};
    double start = fd_monotonic_seconds();

    int r = store->counts(engine->store, &replay.counts);
    if (r == 0)
        r = store->items_read(engine->store, 0, SIZE_MAX, true, replay_item, &replay);
    if (r == 0)
        r = store->labels_read(engine->store, 0, SIZE_MAX, replay_label, &replay);
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *base = NULL;
    size_t trained = 0;
    if (r == 0)
        r = fd_models_replay(engine, &base, &trained);
    if (r == 0)
        r = fd_writer_rebuild(engine, base);
    if (r == 0)
        r = fd_progress_start(engine);
    if (r < 0)
        return r;

    size_t labels = engine->answers.counting;
    engine->labels_seen = engine->answers.count;
    engine->labels_trained = base ? trained : 0;
    engine->offered_version = base ? base->served->row.version : 0;
    engine->oldest_new_label = fd_monotonic_seconds();
    fd_writer_measure(engine);
    if (engine->snapshot)
        fd_refitter_tell(engine);
    fd_log(FD_LOG_INFO, "replayed", FD_INT("items", engine->items.count), FD_INT("labels", labels),
           FD_INT("model_version", base ? base->served->row.version : 0),
           FD_REAL("seconds", fd_monotonic_seconds() - start));
    return 0;
}

/* ---- life ---- */

static void init_locks(fd_engine *engine) {
    pthread_condattr_t monotonic;
    fd_fair_lock_init(&engine->state_lock);
    (void)pthread_mutex_init(&engine->queue_lock, NULL);
    (void)pthread_mutex_init(&engine->progress_lock, NULL);
    (void)pthread_mutex_init(&engine->worker_lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&engine->queue_filled, &monotonic);
    (void)pthread_cond_init(&engine->worker_wanted, &monotonic);
    (void)pthread_cond_init(&engine->worker_rested, NULL);
    (void)pthread_mutex_init(&engine->refit_lock, NULL);
    (void)pthread_cond_init(&engine->refit_wanted, &monotonic);
    (void)pthread_cond_init(&engine->refit_ended, NULL);
    (void)pthread_condattr_destroy(&monotonic);
}

/* With no thread running any more. */
static void engine_free(fd_engine *engine) {
    fd_snapshot_free(engine->snapshot);
    fd_rows_free(engine->embeddings);
    if (engine->desk)
        fd_desk_free(engine->desk);
    fd_answer_table_clear(&engine->answers);
    fd_item_table_clear(&engine->items);
    (void)pthread_rwlock_destroy(&engine->state_lock);
    (void)pthread_mutex_destroy(&engine->queue_lock);
    (void)pthread_cond_destroy(&engine->queue_filled);
    (void)pthread_mutex_destroy(&engine->progress_lock);
    (void)pthread_mutex_destroy(&engine->worker_lock);
    (void)pthread_cond_destroy(&engine->worker_wanted);
    (void)pthread_cond_destroy(&engine->worker_rested);
    (void)pthread_mutex_destroy(&engine->refit_lock);
    (void)pthread_cond_destroy(&engine->refit_wanted);
    (void)pthread_cond_destroy(&engine->refit_ended);
    if (engine->metrics)
        fd_metrics_free(engine->metrics);
    fd_store_close(engine->store);
    free(engine);
}
FD_DEFINE_CLEANUP(fd_engine, engine_free)

int fd_engine_open(const fd_engine_options *options, fd_store *store, fd_engine **ret,
                   fd_fault *fault) {
    FD_CLEANUP(engine_freep) fd_engine *engine = calloc(1, sizeof(*engine));
    if (!engine) {
        fd_store_close(store);
        return -ENOMEM;
    }
    engine->options = *options;
    if (!engine->options.now_ms)
        engine->options.now_ms = system_now_ms;
    if (!engine->options.steady_ms)
        engine->options.steady_ms = system_steady_ms;
    engine->store = store;
    init_locks(engine);

    int r = fd_metrics_new(&engine->metrics);
    if (r == 0)
        r = fd_desk_new(&engine->desk);
    if (r < 0)
        return r;
    r = replay_store(engine, fault);
    if (r < 0)
        return r;
    r = fd_writer_start(engine);
    if (r < 0)
        return r;
    r = fd_worker_start(engine);
    if (r < 0) {
        fd_writer_stop(engine);
        return r;
    }
    r = fd_refitter_start(engine);
    if (r < 0) {
        fd_worker_stop(engine);
        fd_writer_stop(engine);
        return r;
    }
    r = fd_refill_start(engine);
    if (r < 0) {
        fd_refitter_stop(engine);
        fd_worker_stop(engine);
        fd_writer_stop(engine);
        return r;
    }
    fd_refill_tell(engine, true);
    *ret = FD_STEAL(engine);
    return 0;
}

void fd_engine_close(fd_engine *engine) {
    /* All at once, that none waits for a step of another. */
    fd_refitter_interrupt(engine);
    fd_worker_interrupt(engine);
    fd_refill_stop(engine);
    /* Before the writer: they may be waiting for it. */
    fd_refitter_stop(engine);
    fd_worker_stop(engine);
    fd_writer_stop(engine);
    engine_free(engine);
}

fd_metrics *fd_engine_metrics(fd_engine *engine) {
    return engine->metrics;
}

/* ---- state ---- */

int fd_engine_ready(fd_engine *engine, char *reason, size_t size) {
    (void)pthread_rwlock_rdlock(&engine->state_lock);
    int failure = engine->store_failure;
    (void)pthread_rwlock_unlock(&engine->state_lock);
    if (failure == 0)
        return fd_watch_ready(engine, reason, size);
    (void)snprintf(reason, size, "the last write to the store failed: %s", strerror(-failure));
    return -EAGAIN;
}

/* Of a model that nobody trained. */
static const fd_model_row unknown_figures = {
    .state = FD_MODEL_ACTIVE,
    .scratch = -1,
    .prior_precision = NAN,
    .train_loss = NAN,
    .held_out_loss = NAN,
    .held_out_accuracy = NAN,
    .held_out_accuracy_low = NAN,
    .held_out_accuracy_high = NAN,
    .held_out_calibration_error = NAN,
    .control_accuracy = NAN,
    .seconds = NAN,
    .answers = -1,
    .logdet = NAN,
};

int fd_engine_model(fd_engine *engine, fd_model_info *ret) {
    fd_model_info info = {.row = unknown_figures, .logdet = NAN};

    (void)pthread_rwlock_rdlock(&engine->state_lock);
    fd_snapshot *snapshot = engine->snapshot ? fd_snapshot_reference(engine->snapshot) : NULL;
    info.items = engine->items.count;
    info.labels = engine->answers.counting;
    (void)pthread_rwlock_unlock(&engine->state_lock);

    info.shape.components = engine->options.components;
    info.shape.hidden_layers = engine->options.hidden_layers;
    info.shape.hidden_width = engine->options.hidden_width;
    if (snapshot) {
        const fd_model_row *row = &snapshot->served->row;
        if (row->version > 0)
            info.row = *row;
        info.row.state = FD_MODEL_ACTIVE;
        info.version = row->version;
        info.labels_fitted = snapshot->served->labels;
        info.refits = snapshot->served->refits;
        info.shape = *fi_model_shape(snapshot->served->model);
        info.feature_count = fi_model_feature_count(snapshot->served->model);
        info.logdet = fi_factor_logdet(snapshot->design);
        fd_snapshot_free(snapshot);
    }

    (void)pthread_mutex_lock(&engine->worker_lock);
    info.worker = engine->worker_state;
    info.progress = engine->worker_progress;
    (void)pthread_mutex_unlock(&engine->worker_lock);
    *ret = info;
    return 0;
}
