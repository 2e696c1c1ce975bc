/* Takes the candidates with the largest keys that the constraints accept. */
#ifndef FI_TAKE_LARGEST_H
#define FI_TAKE_LARGEST_H

#include "pool_top_k.h"
#include "strategy.h"

/* keys [n_pairs]. -ECANCELED, -ENOMEM. */
int fi_take_largest(const fi_problem *problem, const double *keys, size_t k, uint32_t *batch,
                    size_t *count) FD_MUST_CHECK;

/* The same from a pool, by a kind of key. `factor` whitens the items; NULL for keys without
 * leverages. */
int fi_take_largest_from_pool(const fi_pool_problem *problem, fi_pool_key key,
                              const fi_factor *factor, size_t k, fi_pair *batch,
                              size_t *count) FD_MUST_CHECK;

#endif
