/*
 * A snapshot: one consistent, immutable view of model, features, rewards and information. A request
 * takes a reference under the state lock, works without any lock, and drops the reference; the last
 * reader frees the snapshot.
 */
#ifndef FD_SNAPSHOT_H
#define FD_SNAPSHOT_H

#include <fisher/design.h>
#include <stdatomic.h>

#include "growing_matrix.h"
#include "label_table.h"
#include "macros.h"
#include "served_model.h"

typedef struct fd_snapshot {
    atomic_size_t references;
    fd_served_model *served;
    size_t items;                /* valid rows of features and rewards */
    fd_growing_matrix *features; /* [items x h] */
    fd_growing_matrix *rewards;  /* [items x 1] */
    size_t revisions;            /* label revisions that `past` covers */
    fi_information *past;        /* the information of their pairs */
    fi_factor *design;           /* the factor of M = past + prior */
} fd_snapshot;

fd_snapshot *fd_snapshot_reference(fd_snapshot *snapshot);
void fd_snapshot_free(fd_snapshot *snapshot); /* drops one reference */
FD_DEFINE_CLEANUP(fd_snapshot, fd_snapshot_free)

/* A snapshot of no items and no labels. */
int fd_snapshot_new(fd_served_model *served, fd_snapshot **ret) FD_MUST_CHECK;

/*
 * `base` and what came after it: the features of the embeddings from row base->items to n_items,
 * and the information of the revisions from base->revisions to n_revisions. It appends to the rows
 * of `base`, so only the writer may call it, or the one thread that owns `base`.
 */
int fd_snapshot_extend(const fd_snapshot *base, fd_growing_matrix *embeddings, size_t n_items,
                       const fd_label_revision *revisions, size_t n_revisions,
                       fd_snapshot **ret) FD_MUST_CHECK;

/* `base` with a refit of its model: the same features, new rewards, and the information of the same
 * revisions under the new rewards. */
int fd_snapshot_refit(const fd_snapshot *base, fd_served_model *served,
                      const fd_label_revision *revisions, fd_snapshot **ret) FD_MUST_CHECK;

/* Gives a refit the features of the items that `current`, whose features are of the same kind, has
 * gained meanwhile. Only the writer may call it, before the refit is shared. */
int fd_snapshot_follow(fd_snapshot *refit, const fd_snapshot *current) FD_MUST_CHECK;

/* Pairs of the snapshot's items, as libfisher takes them; a view, nothing is owned. `groups`
 * [items]: the prompt of each item, or NULL. */
fi_candidates fd_snapshot_candidates(const fd_snapshot *snapshot, const uint32_t *groups,
                                     const fi_pair *pairs, size_t n_pairs);

#endif
