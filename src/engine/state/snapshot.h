/*
 * A snapshot: one consistent, immutable view for reading. Requests take a reference under the state
 * lock, work without any lock, and drop it; the last reader frees it.
 */
#ifndef FD_SNAPSHOT_H
#define FD_SNAPSHOT_H

#include <fisher/design.h>
#include <pthread.h>
#include <stdatomic.h>

#include "growing_matrix.h"
#include "macros.h"
#include "store.h"
#include "tables.h"

/* A model and what is known of it, shared by the snapshots it serves in. */
typedef struct fd_served_model {
    atomic_size_t references;
    fi_model *model;
    fd_model_row row; /* version 0: never trained; bytes and reason are not kept */

    /* What the last layer has learned from, set before the first snapshot: so many rows of the
     * history, and the labels that count in them, held out or not. */
    size_t answers;
    uint64_t labels;
    uint64_t refits;                 /* of the last layer since the training */
    struct fd_served_model *trained; /* what this is a refit of; NULL: none */

    pthread_mutex_t target_lock;
    size_t target_items; /* guarded by target_lock: the items that `target` is of */
    fi_information
        *target; /* guarded by target_lock; see fd_i_opt_target_find; NULL until it is asked */
} fd_served_model;

/* Takes the model; `row` is copied without its bytes and reason, and with a prior precision under
 * which rewards vary by about one where it has none. */
int fd_served_model_new(fi_model *model, const fd_model_row *row,
                        fd_served_model **ret) FD_MUST_CHECK;
/* A copy with another last layer, beta [h], fitted under the prior precision, that has learned from
 * so much. */
int fd_served_model_refit(fd_served_model *served, const double *beta, double prior_precision,
                          size_t answers, uint64_t labels, fd_served_model **ret) FD_MUST_CHECK;

/* The model as it was trained: `served` itself, if it is no refit. */
static inline fd_served_model *fd_served_model_trained(fd_served_model *served) {
    return served->trained ? served->trained : served;
}

fd_served_model *fd_served_model_reference(fd_served_model *served);
void fd_served_model_free(fd_served_model *served); /* drops one reference */
FD_DEFINE_CLEANUP(fd_served_model, fd_served_model_free)

typedef struct fd_snapshot {
    atomic_size_t references;
    fd_served_model *served;
    size_t items;                /* rows of features and rewards that count */
    fd_growing_matrix *features; /* [items x h] */
    fd_growing_matrix *rewards;  /* [items x 1] */
    size_t answers;              /* answers in `past` */
    fi_information *past;        /* their information */
    fi_factor *design;           /* the factor of M = past + prior */
} fd_snapshot;

fd_snapshot *fd_snapshot_reference(fd_snapshot *snapshot);
void fd_snapshot_free(fd_snapshot *snapshot); /* drops one reference */
FD_DEFINE_CLEANUP(fd_snapshot, fd_snapshot_free)

/* A snapshot of no item and no answer. */
int fd_snapshot_new(fd_served_model *served, fd_snapshot **ret) FD_MUST_CHECK;

/*
 * The snapshot `base` with what came since: features of the embeddings from row base->items to
 * n_items, information of the answers from base->answers to n_answers. Only the writer, or the
 * one thread that owns `base`, may call it, since it appends to base's rows.
 */
int fd_snapshot_extend(const fd_snapshot *base, fd_growing_matrix *embeddings, size_t n_items,
                       const fd_label_revision *answers, size_t n_answers,
                       fd_snapshot **ret) FD_MUST_CHECK;

/* `base` with a refit of its model: the same features, other rewards and another information of
 * the same answers. */
int fd_snapshot_refit(const fd_snapshot *base, fd_served_model *served,
                      const fd_label_revision *answers, fd_snapshot **ret) FD_MUST_CHECK;

/* Has a refit take over the features of the items that `current`, which has features of the same
 * kind, has got meanwhile. Before the refit is shared, and by the writer only. */
int fd_snapshot_follow(fd_snapshot *refit, const fd_snapshot *current) FD_MUST_CHECK;

#endif
