/* The gains of the pairs of a batch, added to a design matrix one after another. */
#ifndef FI_BATCH_GAINS_H
#define FI_BATCH_GAINS_H

#include "distinct_items.h"
#include "factor.h"

/*
 * Adds k pairs of distinct items with weights [k] to M, given by its factor `before`. gains [k]
 * receives the rise of log det by each pair after those before it; *ret receives the factor of M
 * with all of them, which the caller frees. -ENOMEM.
 */
int fi_batch_gains(const fi_factor *before, const fi_distinct_items *distinct, size_t k,
                   const fi_pair *pairs, const double *weights, double *gains,
                   fi_factor **ret) FD_MUST_CHECK;

#endif
