/*
 * The distinct items that pairs name, numbered from 0, so that work per item is done once for each.
 * The pairs are stored again as pairs of these numbers.
 */
#ifndef FI_DISTINCT_ITEMS_H
#define FI_DISTINCT_ITEMS_H

#include <fisher/information.h>

#include "macros.h"

/* Rows of items or pairs handled at a time, so that a block of float64 stays in cache. */
#define FI_BLOCK_ROWS ((size_t)256)

/* Features and rewards belong to the caller, the other arrays to the distinct items. */
typedef struct fi_distinct_items {
    size_t n_items; /* m */
    size_t n_features;
    size_t n_pairs;
    const float *features; /* of all rows */
    const float *rewards;
    uint32_t *rows; /* [m] rows of `features`; ascending, or in the order of a pool */
    fi_pair *pairs; /* [n_pairs], items 0 … m-1 */
    double *centre; /* [h] mean of the m rows; it cancels out of differences */
} fi_distinct_items;

/* -EINVAL for sizes out of bounds or a pair of unknown items, -ENOMEM. */
int fi_distinct_items_new(const fi_candidates *candidates, fi_distinct_items **ret) FD_MUST_CHECK;

/* The items of n given rows in their order, each row once, and no pairs; those of `items` are
 * ignored. -ENOMEM. */
int fi_distinct_items_of_rows(const fi_candidates *items, size_t n, const uint32_t *rows,
                              fi_distinct_items **ret) FD_MUST_CHECK;
void fi_distinct_items_free(fi_distinct_items *distinct);
FD_DEFINE_CLEANUP(fi_distinct_items, fi_distinct_items_free)

/* block [count x h] = centred features of items first … first + count - 1 */
void fi_distinct_items_block(const fi_distinct_items *distinct, size_t first, size_t count,
                             double *block);

/* products [m] of the centred features and a vector [h] */
void fi_distinct_items_multiply(const fi_distinct_items *distinct, const double *vector,
                                double *products);

/* sum [h] += scale sum over the items of values [m] times their centred features */
void fi_distinct_items_add(const fi_distinct_items *distinct, double scale, const double *values,
                           double *sum);

/* difference [h] = scale (phi(a) - phi(b)) */
void fi_distinct_items_difference(const fi_distinct_items *distinct, fi_pair pair, double scale,
                                  double *difference);

/* sum [h] += scale (phi(a) - phi(b)) */
void fi_distinct_items_add_difference(const fi_distinct_items *distinct, fi_pair pair, double scale,
                                      double *sum);

/* d' beta */
static inline double fi_distinct_items_logit(const fi_distinct_items *distinct, fi_pair pair) {
    return (double)distinct->rewards[distinct->rows[pair.a]] -
           (double)distinct->rewards[distinct->rows[pair.b]];
}

#endif
