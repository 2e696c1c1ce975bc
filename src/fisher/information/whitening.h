/*
 * Whitened features: with M = U'U, the row of an item is w = (phi - centre)' U^-1, so that a pair
 * has the leverage d' M^-1 d = |w_a - w_b|^2.
 */
#ifndef FI_WHITENING_H
#define FI_WHITENING_H

#include "distinct_items.h"
#include "factor.h"

/* whitened [m x h]. -EDOM if the factor is singular, -ENOMEM. */
int fi_whiten(const fi_factor *factor, const fi_distinct_items *distinct,
              float *whitened) FD_MUST_CHECK;

/* The leverages of all pairs [n_pairs], of one pair, and |w|^2 of one row. */
void fi_whitened_leverages(const fi_distinct_items *distinct, const float *whitened,
                           double *leverages);
double fi_whitened_leverage(size_t h, const float *whitened, fi_pair pair);
double fi_whitened_square(size_t h, const float *row);

#endif
