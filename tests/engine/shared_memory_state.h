/* What the parts of shared_memory.c share. */
#ifndef ENGINE_SHARED_MEMORY_STATE_H
#define ENGINE_SHARED_MEMORY_STATE_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "forwarding_store.h"
#include "shared_memory.h"

/* How much of the history there is, or was applied. */
struct moment {
    uint64_t tick;
    size_t items, labels, scores, projects;
};

struct lease_change {
    uint64_t tick;
    fd_assignment_row row; /* its texts are owned */
};

enum { MODELS_MAX = 256, REPLICAS_MAX = 8 };

struct shared_memory {
    fd_store *memory;
    fd_store_operations operations;
    pthread_mutex_t clock; /* guards the next four */
    struct moment now;
    size_t n_leases, lease_capacity;
    struct lease_change *leases; /* [n_leases] */
    uint64_t model_ticks[MODELS_MAX];
    uint64_t embedder_tick;
    size_t n_changes, change_capacity;
    shared_change *changes; /* [n_changes] */

    pthread_mutex_t lock; /* guards the rest; taken within `clock` */
    pthread_cond_t changed;
    uint64_t newest_tick;
    const fd_store *learner;
    int64_t learner_until_ms;
    uint64_t epoch;
    struct replica *replicas[REPLICAS_MAX]; /* those that are open; NULL: none */
    _Atomic int64_t now_ms;
    _Atomic int64_t label_ms;
    atomic_uint lost_histories;
};

struct replica {
    forwarding_store base;
    shared_memory *shared;
    bool in_transaction, has_written; /* the writer's own, like the next ones */
    bool has_applied;
    bool commit_counts; /* the one whose fate was unknown */
    struct moment applied, tried;
    size_t first_lease, first_change; /* of the transaction */
    uint64_t models[8];
    size_t n_models;
    bool has_embedder, has_project;
    size_t n_scores, n_label_rows;
    unsigned lost_histories; /* when it was opened */
    char id[24];
    fd_replica_row row; /* guarded by the lock of the shared ones */
    _Atomic uint64_t known_tick;
    _Atomic uint64_t epoch; /* of its right to train; 0: it never had it */
    atomic_bool is_apart, waits;
    atomic_bool loses_answer;
    atomic_bool commits;
    atomic_int unsure;
};

static inline struct replica *replica_of(fd_store *store) {
    return (struct replica *)store;
}

static inline const fd_store_operations *memory_of(const struct replica *replica) {
    return replica->base.inner->operations;
}

/* ---- what is wrong ---- */

static inline int check_reach(const struct replica *replica) {
    if (atomic_load(&replica->is_apart))
        return -EIO;
    return atomic_load(&replica->shared->lost_histories) > replica->lost_histories ? -ESTALE : 0;
}

/* Ends a transaction that was not committed. */
void shared_memory_rollback(fd_store *store);

void shared_memory_note_model(struct replica *replica, uint64_t version);

extern const fd_replica_operations shared_memory_replica_operations;

#endif
