/* Hands the steps of a re-embedding to the writer. */
#include "re_embedding_changes.h"

#include <errno.h>
#include <stdio.h>

#include "embedder_record.h"
#include "engine_state.h"
#include "writer.h"

enum step { BEGIN, ABANDON, ADD, CLEAN };

struct re_embedding_job {
    fd_job job;
    enum step step;
    const fd_embedder_row *row;
    const uint32_t *items;
    size_t n; /* of the items; the limit of what is deleted */
    const float *vectors;
    size_t dimension;
    uint64_t deleted;
};

static int store_step(fd_engine *engine, fd_job *job, fd_pending *pending) {
    (void)pending;
    struct re_embedding_job *step = (struct re_embedding_job *)job;
    const fd_re_embedding_operations *store = engine->store->re_embedding;
    switch (step->step) {
    case BEGIN:
        return store->begin(engine->store, step->row);
    case ABANDON:
        return store->abandon(engine->store);
    case ADD:
        return store->add(engine->store, step->items, step->n, step->vectors, step->dimension);
    case CLEAN:
        break;
    }
    return store->clean(engine->store, step->n, &step->deleted);
}

static void apply_step(fd_engine *engine, fd_job *job) {
    (void)engine;
    (void)job;
}

static int run(fd_engine *engine, struct re_embedding_job *step) {
    if (!engine->store->re_embedding)
        return -EOPNOTSUPP;
    step->job = (fd_job){.store = store_step, .apply = apply_step};
    return fd_writer_run(engine, &step->job);
}

/* ---- beginning ---- */

struct textless {
    uint64_t n;
    char first[64];
};

static int note_textless(void *context, const fd_item_row *row) {
    struct textless *textless = context;
    if (textless->n++ == 0)
        (void)snprintf(textless->first, sizeof(textless->first), "%s", row->id);
    return 0;
}

static int check_items(fd_engine *engine, fd_fault *fault) {
    struct textless textless = {0};
    fd_re_embedding counts;
    int r = fd_re_embedding_read(engine->store, &counts);
    if (r == 0 && counts.items == 0)
        return fd_fault_set(fault, -EEXIST, "", "there are no items yet");
    if (r == 0)
        r = fd_re_embedding_textless(engine->store, note_textless, &textless);
    if (r < 0 || textless.n == 0)
        return r;
    return fd_fault_set(fault, -EEXIST, "",
                        "%llu items have no \"response\" to embed, the first is \"%s\"",
                        (unsigned long long)textless.n, textless.first);
}

int fd_engine_re_embedding_begin(fd_engine *engine, const fd_embedder_row *row, fd_fault *fault) {
    fd_embedder_row begun = *row;
    struct re_embedding_job step = {.step = BEGIN, .row = &begun};
    if (!engine->store->re_embedding)
        return fd_fault_set(fault, -EOPNOTSUPP, "", "this store cannot be re-embedded");
    int r = check_items(engine, fault);
    begun.created_ms = fd_engine_now_ms(engine);
    return r < 0 ? r : run(engine, &step);
}

int fd_engine_re_embedding_abandon(fd_engine *engine) {
    struct re_embedding_job step = {.step = ABANDON};
    return run(engine, &step);
}

/* ---- vectors ---- */

int fd_engine_re_embedding_add(fd_engine *engine, const uint32_t *items, size_t n,
                               const float *vectors, size_t dimension) {
    struct re_embedding_job step = {
        .step = ADD, .items = items, .n = n, .vectors = vectors, .dimension = dimension};
    return run(engine, &step);
}

int fd_engine_re_embedding_clean(fd_engine *engine, size_t limit, uint64_t *ret_deleted) {
    struct re_embedding_job step = {.step = CLEAN, .n = limit};
    int r = run(engine, &step);
    *ret_deleted = step.deleted;
    return r;
}

/* ---- reading ---- */

int fd_engine_re_embedding_read(fd_engine *engine, fd_re_embedding *ret) {
    return fd_re_embedding_read(engine->store, ret);
}

int fd_engine_re_embedding_missing(fd_engine *engine, uint32_t first, size_t limit,
                                   fd_item_visit *visit, void *context) {
    return fd_re_embedding_missing(engine->store, first, limit, visit, context);
}

static int copy_coming(void *context, const fd_embedder_row *row) {
    return fd_embedder_record_copy(row, context);
}

int fd_engine_re_embedding_coming(fd_engine *engine, fd_embedder_row **ret) {
    *ret = NULL;
    return fd_re_embedding_coming(engine->store, copy_coming, ret);
}
