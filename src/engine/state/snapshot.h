/*
 * A snapshot: one consistent, immutable view of model, features, rewards and information. A request
 * takes a reference under the state lock, works without any lock, and drops the reference; the last
 * reader frees the snapshot.
 *
 * With the design effect D, M = past / D + prior; each revision counts by the reliability of its
 * annotator. At the revisions from which the last layer was
 * fitted, M is the inverse of that fit's covariance, which is how `prior` is found; later revisions
 * add to `past`.
 */
#ifndef FD_SNAPSHOT_H
#define FD_SNAPSHOT_H

#include <fisher/design.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "growing_matrix.h"
#include "item_extras.h"
#include "label_table.h"
#include "macros.h"
#include "served_model.h"

typedef struct fd_snapshot {
    atomic_size_t references;
    fd_served_model *served;
    size_t items;                /* valid rows of features */
    fd_growing_matrix *features; /* [items x h] */
    /* Those of the items, and of some that came later; a linear model has them in its features. */
    fd_growing_matrix *components;
    size_t projected;       /* rows of components that are there: at least `items` */
    bool shares_components; /* they are those of the snapshot that served when this one was made */
    /* [groups x extras] of the prompts that had items when the features were computed: a prompt's
     * centre stays as it was first, so that its items stay comparable. NULL without extras */
    fd_growing_matrix *centres;
    size_t groups;
    size_t revisions;      /* label revisions that `past` covers */
    fi_information *past;  /* the information of their pairs */
    fi_information *prior; /* what else M has; NULL until the fitted revisions are covered */
    fi_factor *design;     /* the factor of M */
} fd_snapshot;

fd_snapshot *fd_snapshot_reference(fd_snapshot *snapshot);
void fd_snapshot_free(fd_snapshot *snapshot); /* drops one reference */
FD_DEFINE_CLEANUP(fd_snapshot, fd_snapshot_free)

/* A snapshot of no items and no labels. */
int fd_snapshot_new(fd_served_model *served, fd_snapshot **ret) FD_MUST_CHECK;

/* Has a snapshot of no items take a matrix with the components of `rows` items, without copying
 * them. false where that cannot be: the features of a linear model with extras have rows of their
 * own. */
bool fd_snapshot_take_components(fd_snapshot *snapshot, fd_growing_matrix *components, size_t rows);

/*
 * `base` and what came after it: the features of the items from base->items to n_items, whose
 * extras are given in the model's columns (NULL if it takes none), and the information of the
 * revisions from base->revisions to n_revisions. `components` has those of all n_items; it is that
 * of `base`, grown, or has the same rows. Features are appended to the rows of `base`, so only the
 * writer may call it, or the one thread that owns `base`. -ECANCELED once *interrupted, which may
 * be NULL, is true.
 */
int fd_snapshot_extend(const fd_snapshot *base, fd_growing_matrix *components,
                       const fd_item_extras *extras, size_t n_items,
                       const fd_label_revision *revisions, size_t n_revisions,
                       const atomic_bool *interrupted, fd_snapshot **ret) FD_MUST_CHECK;

/* Places the raw extras [n x extras] of items that are not in the snapshot. `groups` [n]: the
 * prompts; one that is not there has the centre 0. */
void fd_snapshot_place_extras(const fd_snapshot *snapshot, size_t n, const float *raw,
                              const uint32_t *groups, float *placed);

/* `base` with a refit of its model: the same features, and the information of the same revisions
 * under the new rewards. */
int fd_snapshot_refit(const fd_snapshot *base, fd_served_model *served,
                      const fd_label_revision *revisions, fd_snapshot **ret) FD_MUST_CHECK;

/* Gives a refit the features of the items that `current`, whose features are of the same kind, has
 * gained meanwhile. Only the writer may call it, before the refit is shared. */
void fd_snapshot_follow(fd_snapshot *refit, const fd_snapshot *current);

/* Rewards are computed when they are asked for: nobody needs those of a million items at each
 * refit. The first call gives that of one item, the second those of all, malloc'd. */
double fd_snapshot_reward(const fd_snapshot *snapshot, uint32_t row);
int fd_snapshot_rewards(const fd_snapshot *snapshot, float **ret) FD_MUST_CHECK;

#endif
