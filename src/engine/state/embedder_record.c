/* Keeps which embedder made the embeddings, in the store and in memory. */
#include "embedder_record.h"

#include <errno.h>
#include <string.h>

#include "engine_state.h"
#include "thread.h"
#include "writer.h"

int fd_embedder_record_copy(const fd_embedder_row *row, fd_embedder_row **ret) {
    size_t probes = row->n_probes * row->dimension * sizeof(*row->probes);
    size_t name = strlen(row->name) + 1, template = strlen(row->template) + 1;
    fd_embedder_row *copy = malloc(sizeof(*copy) + probes + name + template);
    if (!copy)
        return -ENOMEM;
    char *at = (char *)(copy + 1);
    *copy = *row;
    copy->probes = memcpy(at, row->probes, probes);
    copy->name = memcpy(at + probes, row->name, name);
    copy->template = memcpy(at + probes + name, row->template, template);
    *ret = copy;
    return 0;
}

int fd_engine_embedder(fd_engine *engine, fd_embedder_row **ret) {
    FD_READ_LOCKED(&engine->state_lock);
    *ret = NULL;
    return engine->embedder ? fd_embedder_record_copy(engine->embedder, ret) : 0;
}

int fd_embedder_record_replay(fd_engine *engine, const fd_embedder_row *row) {
    return fd_embedder_record_copy(row, &engine->embedder);
}

/* ---- setting ---- */

struct set_embedder_job {
    fd_job job;
    fd_embedder_row *row; /* NULL once the engine owns it */
    fd_fault *fault;
};

static int store_embedder(fd_engine *engine, fd_job *job, fd_pending *pending) {
    struct set_embedder_job *set = (struct set_embedder_job *)job;
    if (pending->items > 0 && engine->embedder)
        return -EEXIST;
    if (pending->items > 0 && engine->dimension != set->row->dimension)
        return fd_fault_set(set->fault, -EINVAL, "",
                            "the embedder \"%.80s\" gives %zu numbers; the items of this daemon "
                            "have %zu",
                            set->row->name, set->row->dimension, engine->dimension);
    return engine->store->operations->embedder_write(engine->store, set->row);
}

static void apply_embedder(fd_engine *engine, fd_job *job) {
    struct set_embedder_job *set = (struct set_embedder_job *)job;
    free(engine->embedder);
    engine->embedder = FD_STEAL(set->row);
}

int fd_engine_embedder_set(fd_engine *engine, const fd_embedder_row *row, fd_fault *fault) {
    struct set_embedder_job set = {
        .job = {.store = store_embedder, .apply = apply_embedder},
        .fault = fault,
    };
    int r = fd_embedder_record_copy(row, &set.row);
    if (r < 0)
        return r;
    set.row->created_ms = fd_engine_now_ms(engine);
    r = fd_writer_run(engine, &set.job);
    free(set.row);
    return r;
}
