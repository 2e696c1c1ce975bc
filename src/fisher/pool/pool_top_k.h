/*
 * The best pairs of a pool by a key, without a list of all pairs. Leverages come from the Gram
 * matrix of the whitened features, in blocks of float32 GEMM: a screen with a margin for rounding
 * passes those that could be among the best, whose keys are then computed from their differences.
 * The items go in the order of their rewards and the blocks from the diagonal outwards, where v
 * falls, so that blocks which cannot hold a pair among the best are passed over. What is found is
 * exact, and the same as from the full list.
 */
#ifndef FI_POOL_TOP_K_H
#define FI_POOL_TOP_K_H

#include "pool_view.h"

typedef enum fi_pool_key {
    FI_KEY_INFORMATION, /* v d' M^-1 d */
    FI_KEY_LEVERAGE,    /* d' M^-1 d */
    FI_KEY_CLOSENESS,   /* -abs(d' beta) */
    FI_KEY_DISTANCE,    /* abs(d' beta) */
} fi_pool_key;

typedef struct fi_pool_top_k {
    const fi_pool_view *view;
    const fi_selection_options *options;
    const fi_constraints
        *admission;        /* pairs of items that it has closed are passed over; or NULL */
    const uint64_t *taken; /* [n_taken] keys of pairs to pass over, ascending */
    size_t n_taken;
    fi_pool_key key;
    const float *whitened; /* [m x h]; NULL for keys without leverage */
    double least;          /* pairs with a smaller key are not wanted; -INFINITY: all are */
    size_t room;           /* pairs wanted, at least 1 */
} fi_pool_top_k;

/* A pair of distinct items. One ranks before another by a larger key, then by the lower items. */
typedef struct fi_ranked_pair {
    double key;
    fi_pair pair;
} fi_ranked_pair;

typedef struct fi_top_pairs {
    size_t count;          /* room, or fewer: all that are wanted */
    fi_ranked_pair *pairs; /* [count], in no order */
    double floor;          /* no other pair has a larger key; -INFINITY where there is no other */
} fi_top_pairs;

int fi_pool_top_k_find(const fi_pool_top_k *scan, fi_top_pairs *ret) FD_MUST_CHECK;
void fi_top_pairs_sort(fi_top_pairs *finds); /* first in rank first */
void fi_top_pairs_clear(fi_top_pairs *finds);

/* The key of one pair. */
double fi_pool_key_of(const fi_pool_top_k *scan, fi_pair pair);

#endif
