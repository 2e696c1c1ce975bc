/* Reads the stored versions at the start, and finds the one that serves. */
#include "model_replay.h"

#include <errno.h>

#include "engine_state.h"
#include "log.h"
#include "model_serving.h"
#include "progress_record.h"

FD_DEFINE_CLEANUP(fi_model, fi_model_free)

#define NEWEST ((uint64_t)INT64_MAX) /* stores count versions in signed 64 bits */

struct replay {
    fd_engine *engine;
    bool has_any;
    uint64_t active;         /* as the store has it; 0: none */
    int64_t newest_training; /* revisions of labels that the newest version knew; -1: unknown */
    fd_snapshot *snapshot;
};

static int note_version(void *context, const fd_model_row *row) {
    struct replay *replay = context;
    fd_progress_record_add(replay->engine, row);
    fd_model_serving_count(replay->engine, row->version);
    if (!replay->has_any)
        replay->newest_training = row->answers;
    replay->has_any = true;
    if (row->state == FD_MODEL_ACTIVE)
        replay->active = row->version;
    return 0;
}

/* Returns 1, which ends the reading, once a model can serve. A damaged version is skipped, so that
 * the one before it serves. */
static int try_version(void *context, const fd_model_row *row) {
    struct replay *replay = context;
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    if (row->state == FD_MODEL_REJECTED || row->is_foreign)
        return 0;
    int r = fi_model_decode(row->bytes, row->size, &model);
    if (r == -ENOMEM)
        return r;
    if (r < 0 || fi_model_shape(model)->inputs != replay->engine->dimension) {
        fd_log(FD_LOG_ERROR, "model-damaged", FD_INT("model_version", row->version));
        return 0;
    }
    const fd_label_table *labels = &replay->engine->labels;
    size_t learned = fd_model_revisions_learned(model, row, labels->count);
    r = fd_model_snapshot_new(&model, row, labels->revisions, labels->count, learned,
                              &replay->snapshot);
    return r < 0 ? r : 1;
}

int fd_model_replay(fd_engine *engine, fd_snapshot **ret, size_t *ret_trained) {
    const fd_store_operations *store = engine->store->operations;
    struct replay replay = {.engine = engine};
    int r = store->models_read(engine->store, NEWEST, SIZE_MAX, false, note_version, &replay);
    if (r == 0 && replay.active > 0)
        r = store->models_read(engine->store, replay.active, 1, true, try_version, &replay);
    if (r == 0)
        r = store->models_read(engine->store, NEWEST, SIZE_MAX, true, try_version, &replay);
    if (r < 0)
        return r;
    *ret = replay.snapshot;
    bool known =
        replay.newest_training > 0 && (uint64_t)replay.newest_training <= engine->labels.count;
    *ret_trained = known ? (size_t)replay.newest_training : 0;
    return 0;
}
