/*
 * What a store offers beyond store.h when several processes, its replicas, open it at once. They
 * share one history: a replica that writes holds the store's one lock from begin to commit, and
 * before it decides anything it catches up with what the others committed. So there is one writer
 * at any time, as in a store of one process; it is passed from hand to hand.
 *
 * Functions return 0 or -errno as those of store.h do.
 */
#ifndef FD_STORE_REPLICAS_H
#define FD_STORE_REPLICAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "macros.h"
#include "store_rows.h"

typedef struct fd_store fd_store;

/* What is called for each kind of row that others wrote. */
typedef struct fd_change_visits {
    fd_item_visit *item;
    bool without_embeddings; /* items come as items_read passes them without theirs */
    fd_score_visit *score;
    fd_project_visit *project;
    fd_embedder_visit *embedder;
    fd_label_visit *label;
    fd_assignment_row_visit *assignment; /* begun, renewed or ended */
    fd_model_visit *model;               /* new, or in another state; without bytes */
} fd_change_visits;

/* A replica as the others see it. */
typedef struct fd_replica_row {
    const char *id;
    const char *url;   /* where it can be reached; may be NULL */
    int64_t seen_ms;   /* when it wrote this row, by the store's clock; set by the store */
    uint64_t tick;     /* transactions of the history that it has applied; set by the store */
    uint64_t prepared; /* the newest model version that it could serve at once; 0: none */
    uint64_t serving;  /* the version that it serves; 0: an untrained one */
    bool is_learner;   /* set by the store */
} fd_replica_row;

typedef int fd_replica_visit(void *context, const fd_replica_row *row);

typedef struct fd_replica_operations {
    /* Passes the rows that other replicas committed since the last call, all as of one moment, in
     * the order of the members of fd_change_visits and, within each, of the history. The first call
     * passes all rows, of assignments those that are open. Called by the writer's thread alone,
     * between begin and the first write, or outside of a transaction, and before the writer runs.
     * After a failure the next call begins where this one did: visits must bear a row twice.
     * -ESTALE: what was applied is not the history, or vectors of another embedder serve by now. */
    int (*catch_up)(fd_store *store, const fd_change_visits *visits, void *context) FD_MUST_CHECK;

    /* Before the first call of catch_up: the first rows of the history are known, and it does not
     * pass them. */
    void (*begin_after)(fd_store *store, size_t items, size_t labels);

    /* Waits until others may have committed something; 1: they may, 0: the time is over. For a
     * thread of its own; it returns within the time also while the store is out of reach. */
    int (*wait_for_change)(fd_store *store, double seconds);

    /* The time by the clock that all replicas share. Any thread; does not wait for the network. */
    int64_t (*now_ms)(fd_store *store);

    /* After a transaction failed, or its fate is unknown (commit gave -EAGAIN): connects again if
     * need be, and looks whether what this replica has applied is still the history. -ESTALE: it is
     * not; what was applied is lost, and the process must end. Called by the writer's thread. */
    int (*resume)(fd_store *store) FD_MUST_CHECK;

    /* After commit gave -EAGAIN, in the place of resume: what became of it. 1: all of it is in the
     * history, and as safe as after a commit that returned 0; 0: none of it is, nor will be; -EIO
     * and others: not known yet. -ESTALE as resume. Called by the writer's thread. */
    int (*was_committed)(fd_store *store) FD_MUST_CHECK;

    /* Takes, or keeps, the right to train for some seconds by the store's clock. 1: this replica
     * has it, 0: another one does. One that lost it and goes on is fenced: model_add, and
     * model_activate inside the same transaction, give -ECANCELED, and so does embedding_job_write
     * unless it cancels the job. Called by one thread. */
    int (*hold_learning)(fd_store *store, double seconds) FD_MUST_CHECK;
    void (*release_learning)(fd_store *store);

    /* In a transaction: the others read the row of this version again, as if it had changed, so
     * that they prepare it. -ENOENT. */
    int (*model_announce)(fd_store *store, uint64_t version) FD_MUST_CHECK;

    /* This replica as the store knows it: its id, which lives as long as the store, the tick that
     * it has applied, and the newest one of the history that it has heard of. Any thread; does not
     * wait for the network. */
    void (*position)(fd_store *store, const char **ret_id, uint64_t *ret_tick,
                     uint64_t *ret_newest);

    /* Tells the others about this replica, outside of transactions. Its id is the store's. */
    int (*replica_write)(fd_store *store, const fd_replica_row *row) FD_MUST_CHECK;

    /* Reads the replicas that wrote their row within the last seconds. */
    int (*replicas_read)(fd_store *store, double seconds, fd_replica_visit *visit,
                         void *context) FD_MUST_CHECK;
} fd_replica_operations;

#endif
