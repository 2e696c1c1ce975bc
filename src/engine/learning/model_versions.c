/* Lists, activates and copies stored versions. */
#include "model_versions.h"

#include <errno.h>

#include "engine_state.h"
#include "log.h"
#include "model_serving.h"
#include "progress_record.h"
#include "thread.h"

FD_DEFINE_CLEANUP(fi_model, fi_model_free)

/* ---- list ---- */

/* The snapshot says which version serves: the store may mark one that turned out to be damaged. */
struct listing {
    uint64_t serving;
    fd_model_visit *visit;
    void *context;
};

static int visit_listed(void *context, const fd_model_row *row) {
    const struct listing *listing = context;
    fd_model_row listed = *row;
    if (row->version == listing->serving)
        listed.state = FD_MODEL_ACTIVE;
    else if (row->state == FD_MODEL_ACTIVE)
        listed.state = FD_MODEL_STORED;
    return listing->visit(listing->context, &listed);
}

static uint64_t serving_version(fd_engine *engine) {
    FD_READ_LOCKED(&engine->state_lock);
    return engine->snapshot ? engine->snapshot->served->row.version : 0;
}

int fd_engine_models_read(fd_engine *engine, uint64_t highest, size_t limit, fd_model_visit *visit,
                          void *context) {
    struct listing listing = {serving_version(engine), visit, context};
    return engine->store->operations->models_read(engine->store, highest, limit, false,
                                                  visit_listed, &listing);
}

/* ---- one version ---- */

/* One version, decoded. */
struct stored {
    uint64_t version;
    fd_model_row row; /* without bytes and reason */
    fi_model *model;
    int damage; /* -errno if the bytes cannot be decoded */
};

static int decode_stored(void *context, const fd_model_row *row) {
    struct stored *stored = context;
    if (row->version != stored->version)
        return 0;
    stored->row = *row;
    stored->row.bytes = NULL;
    stored->row.size = 0;
    stored->row.reason = NULL;
    int r = fi_model_decode(row->bytes, row->size, &stored->model);
    if (r != -ENOMEM)
        stored->damage = r;
    return r == -ENOMEM ? r : 0;
}

static int read_stored(fd_engine *engine, uint64_t version, fd_model_row *ret_row,
                       fi_model **ret_model, fd_fault *fault) {
    struct stored stored = {.version = version};
    int r = engine->store->operations->models_read(engine->store, version, 1, true, decode_stored,
                                                   &stored);
    if (r < 0)
        return r;
    if (stored.damage < 0)
        return fd_fault_set(fault, -EEXIST, "", "the bytes of version %llu are damaged",
                            (unsigned long long)version);
    if (!stored.model)
        return fd_fault_set(fault, -ENOENT, "", "no model has this version");
    *ret_row = stored.row;
    *ret_model = stored.model;
    return 0;
}

/* A snapshot of a stored version with the items and labels of the data. */
static int make_snapshot(fd_engine *engine, fd_training_data *data, fi_model **model,
                         const fd_model_row *row, fd_snapshot **ret, fd_fault *fault) {
    if (!data->snapshot)
        return fd_fault_set(fault, -EAGAIN, "", "there are no items and labels yet");
    if (row->is_foreign)
        return fd_fault_set(fault, -EEXIST, "",
                            "version %llu was trained on the embeddings of another embedder",
                            (unsigned long long)row->version);
    if (fi_model_shape(*model)->inputs != data->dimension)
        return fd_fault_set(fault, -EEXIST, "",
                            "version %llu takes embeddings of %u numbers; those of the items have "
                            "%zu",
                            (unsigned long long)row->version, fi_model_shape(*model)->inputs,
                            data->dimension);
    size_t learned = fd_model_revisions_learned(*model, row, data->n_revisions);
    int r = fd_training_data_read_extras(engine, *model, data);
    return r < 0 ? r : fd_model_snapshot_of(engine, data, model, row, learned, ret);
}

void fd_prepared_model_clear(fd_prepared_model *prepared) {
    fd_snapshot_free(prepared->snapshot);
    *prepared = (fd_prepared_model){0};
}

int fd_engine_model_prepare(fd_engine *engine, uint64_t version, fd_prepared_model *ret,
                            fd_fault *fault) {
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    FD_CLEANUP(fd_training_data_clear) fd_training_data data = {0};
    int r = read_stored(engine, version, &ret->row, &model, fault);
    if (r == 0)
        r = fd_training_data_read(engine, &data);
    if (r == 0)
        r = make_snapshot(engine, &data, &model, &ret->row, &ret->snapshot, fault);
    ret->re_embeddings = data.re_embeddings;
    return r;
}

int fd_engine_model_follow(fd_engine *engine, const fd_prepared_model *prepared) {
    uint64_t version = prepared->row.version;
    int r = fd_model_serve_followed(engine, version, prepared->snapshot, prepared->re_embeddings);
    if (r < 0)
        return r;
    fd_progress_record_update(engine, &prepared->row);
    fd_log(FD_LOG_INFO, "model-followed", FD_INT("model_version", version));
    return 0;
}

int fd_engine_model_activate(fd_engine *engine, uint64_t version, fd_fault *fault) {
    FD_CLEANUP(fd_prepared_model_clear) fd_prepared_model prepared = {0};
    int r = fd_engine_model_prepare(engine, version, &prepared, fault);
    if (r < 0)
        return r;
    r = fd_model_serve_stored(engine, version, prepared.snapshot, prepared.re_embeddings);
    if (r == -ECANCELED)
        return fd_fault_set(fault, -EEXIST, "",
                            "version %llu was trained on the embeddings of another embedder",
                            (unsigned long long)version);
    if (r == -ENOENT) /* pruned meanwhile */
        return fd_fault_set(fault, r, "", "no model has this version any more");
    if (r < 0)
        return r;
    prepared.row.state = FD_MODEL_ACTIVE; /* it may have been rejected before */
    fd_progress_record_add(engine, &prepared.row);
    fd_progress_record_update(engine, &prepared.row);
    fd_log(FD_LOG_INFO, "model-activated", FD_INT("model_version", version));
    return 0;
}

int fd_engine_serving_copy(fd_engine *engine, fd_model_row *ret_row, fi_model **ret_model,
                           fi_factor **ret_design, fd_fault *fault) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    int r = fd_engine_snapshot(engine, &snapshot, fault);
    if (r == 0)
        r = fi_factor_copy(snapshot->design, ret_design);
    if (r < 0)
        return r;
    *ret_row = snapshot->served->row;
    return fi_model_copy(snapshot->served->model, ret_model);
}

int fd_engine_model_copy(fd_engine *engine, uint64_t version, fd_model_row *ret_row,
                         fi_model **ret_model, fd_fault *fault) {
    if (version > 0)
        return read_stored(engine, version, ret_row, ret_model, fault);
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    int r = fd_engine_snapshot(engine, &snapshot, fault);
    if (r < 0)
        return r;
    *ret_row = snapshot->served->row;
    return fi_model_copy(snapshot->served->model, ret_model);
}
