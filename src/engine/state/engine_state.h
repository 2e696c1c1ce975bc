/*
 * The state that all rooms of the engine share, and the place where each room keeps its own.
 *
 * Threads: the writer is the only thread that changes items, scores, labels and the snapshot. It
 * reads them without the state lock and takes the lock to change them; all other threads take it to
 * read them. Trainer and refitter work on copies and hand their models to the writer as jobs.
 *
 * Locks: no lock is held over BLAS, SQL or a system call that waits, and none is taken inside
 * another, except the locks of the metrics.
 */
#ifndef FD_ENGINE_STATE_H
#define FD_ENGINE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "annotators.h"
#include "engine_options.h"
#include "fault.h"
#include "item_table.h"
#include "label_hooks.h"
#include "label_table.h"
#include "metrics.h"
#include "project_state.h"
#include "score_table.h"
#include "snapshot.h"
#include "store.h"

/* The embeddings of the items that a transaction adds, behind those of the table, until their
 * components are in a snapshot: all others lie in the store alone. */
typedef struct fd_arrivals {
    float *embeddings; /* [rows x dimension] */
    size_t capacity;   /* in rows */
} fd_arrivals;

struct fd_engine {
    fd_engine_options options;
    fd_store *store;
    fd_metrics *metrics;
    fd_annotators *annotators;
    unsigned char
        assignment_key[FD_ASSIGNMENT_KEY_SIZE]; /* the store's; set before any thread runs */

    pthread_rwlock_t state_lock;
    fd_item_table items; /* guarded by state_lock, like the next nine */
    fd_score_table scores;
    fd_project_state project;
    fd_embedder_row *embedder; /* NULL: not known; embedder_record.h */
    fd_label_table labels;
    size_t dimension; /* numbers of an embedding; 0 until the first item */
    fd_growing_matrix
        *text_features; /* NULL until the first item; a row of each item: item_text_features.h */
    fd_growing_matrix *groups; /* the same; the prompt of each item: item_extras.h */
    fd_snapshot *snapshot;     /* NULL until the first item */
    fd_arrivals arrivals;      /* the writer's own, without the lock */
    uint64_t re_embeddings;    /* how often other vectors took the place of those of all items */

    /* How often an extra changed that the snapshot had copied, or has no column for. */
    uint64_t extra_changes;

    atomic_bool interrupted; /* refills, backups and waiting for events end at their next step */
    atomic_bool closing;     /* long computations end at their next step */
    atomic_bool backup_runs;
    atomic_uint_fast64_t training_wish; /* the one that was taken; 0: none */
    fd_label_hooks label_hooks;

    /* Each is made and freed by its own file; only that room sees inside. */
    struct fd_health *health;                   /* state/health.c */
    struct fd_correction_rate *correction_rate; /* state/correction_rate.c */
    struct fd_writer *writer;                   /* state/writer.c */
    struct fd_replica *replica;                 /* state/replica.c */
    struct fd_follower *follower;               /* state/follower.c */
    struct fd_change_signal *change_signal;     /* state/change_signal.c */
    struct fd_text_fill *text_fill;             /* state/text_fill.c */
    struct fd_checkpoint *checkpoint;           /* checkpoint.c */
    struct fd_block_keeper *block_keeper;       /* state/block_keeper.c */
    struct fd_batch_history *batch_history;     /* selection/batch_history.c */
    struct fd_assignments *assignments;         /* assignment/assignments_state.c */
    struct fd_refill *refill;                   /* assignment/refill_thread.c */
    struct fd_progress_record *progress_record; /* learning/progress_record.c */
    struct fd_model_serving *model_serving;     /* learning/model_serving.c */
    struct fd_model_following *model_following; /* learning/model_following.c */
    struct fd_trainer *trainer;                 /* learning/trainer_thread.c */
    struct fd_refitter *refitter;               /* learning/refitter.c */
};

/* An engine without items, labels or threads. It owns the store, and closes it on failure too. */
int fd_engine_state_new(const fd_engine_options *options, fd_store *store,
                        fd_engine **ret) FD_MUST_CHECK;

/* Frees the shared state and closes the store; the rooms have freed theirs. */
void fd_engine_state_free(fd_engine *engine);

/* A reference to the snapshot that serves; NULL before the first item. */
fd_snapshot *fd_engine_snapshot_or_null(fd_engine *engine);

/* The same; -EAGAIN with a fault before the first item. */
int fd_engine_snapshot(fd_engine *engine, fd_snapshot **ret, fd_fault *fault) FD_MUST_CHECK;

/* For times that are stored or shown: replicas agree on it, whatever their own clocks say. */
static inline int64_t fd_engine_now_ms(const fd_engine *engine) {
    const fd_replica_operations *replicas = engine->store->replicas;
    return replicas ? replicas->now_ms(engine->store)
                    : engine->options.now_ms(engine->options.now_context);
}

static inline int64_t fd_engine_steady_ms(const fd_engine *engine) {
    return engine->options.steady_ms(engine->options.now_context);
}

#endif
