/* Lists leases and ends them. */
#include "lease_list.h"

#include <errno.h>
#include <string.h>

#include "assignments_state.h"
#include "engine_state.h"
#include "refill_thread.h"
#include "thread.h"
#include "writer.h"

/* A lease as it was under the lock. */
struct listed {
    fd_ready_pair *ready_pair;
    const char *name;
    int64_t number;
    int64_t expires_ms;
    bool swapped;
    char id[FD_ASSIGNMENT_ID_SIZE];
};

/* Leases are in the table in the order in which they began. */
static size_t copy_leases(fd_engine *engine, const char *annotator, uint32_t number, int64_t after,
                          size_t limit, struct listed *listed) {
    size_t n = 0;
    FD_LOCKED(&engine->assignments->lock);
    fd_leases_expire(engine);
    const fd_lease *lease = engine->assignments->leases.by_id;
    for (; lease && n < limit; lease = lease->hh.next) {
        if ((int64_t)lease->number <= after || (annotator && lease->annotator != number))
            continue;
        listed[n] = (struct listed){
            .ready_pair = fd_ready_pair_reference(lease->ready_pair),
            .name = lease->name,
            .number = (int64_t)lease->number,
            .expires_ms = fd_lease_expires_ms(engine, lease),
            .swapped = lease->swapped,
        };
        memcpy(listed[n++].id, lease->id, sizeof(lease->id));
    }
    return n;
}

static int show(const struct listed *listed, fd_lease_visit *visit, void *context) {
    const fd_ready_pair *pair = listed->ready_pair;
    const fd_lease_view view = {
        .number = listed->number,
        .id = listed->id,
        .annotator = listed->name,
        .a = listed->swapped ? pair->b.id : pair->a.id,
        .b = listed->swapped ? pair->a.id : pair->b.id,
        .control = pair->arm == FD_ARM_CONTROL,
        .strategy = pair->strategy,
        .expires_ms = listed->expires_ms,
    };
    return visit(context, &view);
}

int fd_engine_leases_read(fd_engine *engine, const char *annotator, int64_t after, size_t limit,
                          fd_lease_visit *visit, void *context) {
    FD_FREE struct listed *listed = calloc(limit + 1, sizeof(*listed));
    uint32_t number = annotator ? fd_annotators_find(engine->annotators, annotator) : FD_NOBODY;
    if (!listed)
        return -ENOMEM;
    size_t n = copy_leases(engine, annotator, number, after, limit, listed);
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = show(&listed[i], visit, context);
    for (size_t i = 0; i < n; i++)
        fd_ready_pair_free(listed[i].ready_pair);
    return r;
}

static size_t end_all(fd_engine *engine, uint32_t number) {
    fd_leases *leases = &engine->assignments->leases;
    size_t n = 0;
    FD_LOCKED(&engine->assignments->lock);
    fd_leases_expire(engine);
    for (fd_lease *lease = fd_leases_of(leases, number), *next; lease; lease = next) {
        next = lease->next;
        if (lease->is_answered)
            continue;
        fd_lease_give_back(engine, lease);
        n++;
    }
    return n;
}

struct end_job {
    fd_job job;
    const char *annotator;
    size_t n;
};

static int end_in_transaction(fd_engine *engine, fd_job *job, fd_pending *pending) {
    struct end_job *end = (struct end_job *)job;
    uint32_t number = fd_annotators_find(engine->annotators, end->annotator);
    (void)pending;
    end->n = number == FD_NOBODY ? 0 : end_all(engine, number);
    return 0;
}

static void apply_nothing(fd_engine *engine, fd_job *job) {
    (void)engine;
    (void)job;
}

int fd_engine_leases_end(fd_engine *engine, const char *annotator, size_t *ret) {
    struct end_job end = {.job = {.store = end_in_transaction, .apply = apply_nothing},
                          .annotator = annotator};
    int r = engine->store->replicas ? fd_writer_run(engine, &end.job)
                                    : end_in_transaction(engine, &end.job, NULL);
    *ret = r < 0 ? 0 : end.n;
    if (*ret > 0) {
        fd_writer_write_soon(engine);
        fd_refill_notify(engine, false);
    }
    return r;
}
