/* What the assignments consist of, under one lock. The lock is held only over lookups; within it
 * only those of the metrics are taken. */
#ifndef FD_ASSIGNMENTS_STATE_H
#define FD_ASSIGNMENTS_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "comparable.h"
#include "lease_journal.h"
#include "leases.h"
#include "macros.h"
#include "pair_records.h"
#include "pending_factor.h"
#include "ready_demand.h"
#include "ready_queue.h"
#include "unfinished_pairs.h"

typedef struct fd_assignments {
    fd_pending_factor pending;    /* has a lock of its own */
    pthread_mutex_t quick_choice; /* held while one is made */
    atomic_size_t waiting;        /* pairs that are wanted by those who wait for it */
    pthread_mutex_t lock;         /* guards all below */
    fd_pair_records records;
    fd_unfinished_pairs unfinished;
    fd_ready_queues ready;
    fd_leases leases;
    fd_lease_journal journal;
    fd_ready_demand demand;
    uint64_t fills;    /* times that pairs were put into a ready queue */
    uint64_t changes;  /* of what can make a pair a candidate: items, corrections, leases that ended
                          without an answer, models */
    uint64_t used_up;  /* `changes` when no candidate was left for anyone */
    bool is_searching; /* the last request that got nothing looked at a part of the pairs only */
    fd_incomparable_counts incomparable;
    size_t incomparable_items; /* when they were counted */
} fd_assignments;

/* Whether no pair can be chosen until something changes. */
static inline bool fd_assignments_used_up(const fd_assignments *assignments) {
    return assignments->used_up == assignments->changes;
}

int fd_assignments_new(fd_engine *engine) FD_MUST_CHECK;
void fd_assignments_free(fd_engine *engine);

#endif
