/*
 * The pairs of a pool with the largest keys, without a list of all pairs.
 *
 * Leverages come from the Gram matrix of the whitened features, in blocks of float32 GEMM. A screen
 * with a margin for rounding passes the pairs that may be among the best, and their keys are then
 * computed from their differences. Items are ordered by reward, and blocks are searched from the
 * diagonal outwards. There v falls, so blocks that cannot contain one of the best pairs are
 * skipped. The result is exact: the same as from a full list.
 */
#ifndef FI_POOL_TOP_K_H
#define FI_POOL_TOP_K_H

#include <fisher/selection.h>

#include "constraints.h"
#include "pool_view.h"

typedef enum fi_pool_key {
    FI_KEY_INFORMATION, /* v d' M^-1 d */
    FI_KEY_LEVERAGE,    /* d' M^-1 d */
    FI_KEY_CLOSENESS,   /* -|d' beta| */
    FI_KEY_DISTANCE,    /* |d' beta| */
} fi_pool_key;

typedef struct fi_pool_top_k {
    const fi_pool_view *view;
    const fi_selection_options *options; /* for go_on */
    const fi_constraints *constraints;   /* skip pairs with an item that it closes; NULL: none */
    const uint64_t *taken;               /* [n_taken] keys of pairs to skip, ascending */
    size_t n_taken;
    fi_pool_key key;
    const float *whitened; /* [m x h]; NULL for keys without leverages */
    double least;          /* skip pairs with smaller keys; -INFINITY: none */
    size_t room;           /* pairs wanted, at least 1 */
} fi_pool_top_k;

/* A pair of distinct items. Larger keys rank first; of equal keys, the one with the lower items. */
typedef struct fi_ranked_pair {
    double key;
    fi_pair pair;
} fi_ranked_pair;

typedef struct fi_top_pairs {
    size_t count;          /* room, or fewer if that is all */
    fi_ranked_pair *pairs; /* [count], in no particular order; freed by fi_top_pairs_clear */
    double floor;          /* no other pair has a larger key; `least` if there are no others */
} fi_top_pairs;

/* -ECANCELED, -ENOMEM. */
int fi_pool_top_k_find(const fi_pool_top_k *query, fi_top_pairs *ret) FD_MUST_CHECK;
void fi_top_pairs_sort(fi_top_pairs *finds); /* by rank */
void fi_top_pairs_clear(fi_top_pairs *finds);

/* The key of one pair. */
double fi_pool_key_of(const fi_pool_top_k *query, fi_pair pair);

#endif
