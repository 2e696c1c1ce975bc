/* What the parts of the design half share. Functions return 0 or -errno. */
#ifndef FI_DESIGN_PRIVATE_H
#define FI_DESIGN_PRIVATE_H

#include <errno.h>
#include <fisher/design.h>

#include "macros.h"
#include "rng.h"
#include "target_clones.h"

/* Rows of items or pairs handled at a time, so that a block of float64 stays in cache. */
#define FI_BLOCK_ROWS ((size_t)256)

FD_DEFINE_CLEANUP(fi_information, fi_information_free)
FD_DEFINE_CLEANUP(fi_factor, fi_factor_free)

/* ---- the distinct items that the pairs name; a view of the candidates plus its own numbering */

typedef struct fi_distinct_items {
    size_t n_items; /* m */
    size_t n_features;
    size_t n_pairs;
    const float *features; /* of the candidates */
    const float *rewards;
    uint32_t *rows; /* [m] rows of `features`; ascending, or in the order of a pool */
    fi_pair *pairs; /* [n_pairs], items 0 … m-1 */
    double *centre; /* [h] mean of the m rows: differences do not see it */
} fi_distinct_items;

/* -EINVAL for sizes out of bounds or a pair that names no item. */
int fi_distinct_items_new(const fi_candidates *candidates, fi_distinct_items **ret) FD_MUST_CHECK;
/* The items of a pool in its order, without pairs. */
int fi_distinct_items_of_pool(const fi_pool *pool, const uint32_t *rows,
                              fi_distinct_items **ret) FD_MUST_CHECK;
void fi_distinct_items_free(fi_distinct_items *distinct);
FD_DEFINE_CLEANUP(fi_distinct_items, fi_distinct_items_free)

/* Centred features of items first … first + count - 1: block [count x h]. */
void fi_distinct_items_block(const fi_distinct_items *distinct, size_t first, size_t count,
                             double *block);

/* difference [h] = scale (phi(a) - phi(b)) */
void fi_distinct_items_difference(const fi_distinct_items *distinct, fi_pair pair, double scale,
                                  double *difference);

static inline double fi_distinct_items_logit(const fi_distinct_items *distinct, fi_pair pair) {
    return (double)distinct->rewards[distinct->rows[pair.a]] -
           (double)distinct->rewards[distinct->rows[pair.b]];
}

/* 0, or -ECANCELED where the caller has had enough. */
static inline int fi_go_on(const fi_selection_options *options, double share) {
    return !options->go_on || options->go_on(options->context, share) ? 0 : -ECANCELED;
}

/* ---- information and factor */

struct fi_information {
    size_t n;
    double matrix[];
};

struct fi_factor {
    size_t n;
    double upper[]; /* row-major U with M = U'U, zero below the diagonal */
};

/* information += sum of weights d d'; weights NULL are ones. The two ways give the same. */
int fi_information_add_weighted(fi_information *information, const fi_distinct_items *distinct,
                                const double *weights) FD_MUST_CHECK;
int fi_information_add_differences(fi_information *information, const fi_distinct_items *distinct,
                                   const double *weights) FD_MUST_CHECK;
int fi_information_add_laplacian(fi_information *information, const fi_distinct_items *distinct,
                                 const double *weights) FD_MUST_CHECK;

/* ---- whitening: rows w = (phi - centre)' U^-1, so that d' M^-1 d = |w_a - w_b|^2 */

int fi_whiten(const fi_factor *factor, const fi_distinct_items *distinct,
              float *whitened) FD_MUST_CHECK;
void fi_whitened_leverages(const fi_distinct_items *distinct, const float *whitened,
                           double *leverages);
double fi_whitened_square(size_t h, const float *row); /* |w|^2 */
double fi_whitened_leverage(size_t h, const float *whitened, fi_pair pair);

/* ---- ranking */

/* A key that ranks before another is larger, or equal with a lower index. */
typedef struct fi_ranked {
    double key;
    uint32_t index;
} fi_ranked;

/* Heaps whose root is the first in rank, and a sift of a changed root. */
void fi_heap_build(fi_ranked *heap, size_t count);
void fi_heap_sift(fi_ranked *heap, size_t count);

/* The indices of the k largest keys, first in rank first; k <= n. */
int fi_top_k(size_t n, const double *keys, size_t k, uint32_t *ret_indices) FD_MUST_CHECK;

/* ---- batches */

/* Adds k pairs of distinct items to M, given by its factor, one by one: gains [k] and the factor of
 * M(C). */
int fi_batch_add(const fi_factor *before, const fi_distinct_items *distinct, size_t k,
                 const fi_pair *pairs, const double *weights, double *gains,
                 fi_factor **ret) FD_MUST_CHECK;

#endif
