/* Uniform draws without replacement, from a list or from a pool. */
#ifndef FI_RANDOM_DRAW_H
#define FI_RANDOM_DRAW_H

#include "strategy.h"

/* Fills indices [n] with 0 … n - 1 and moves a random choice of `count` of them, in random order,
 * to the front. */
void fi_shuffle_front(fd_rng *rng, size_t n, size_t count, uint32_t *indices);

/* Draws pairs until the batch has k or the pool has no more. -ECANCELED, -ENOMEM. */
int fi_draw_from_pool(const fi_pool_view *view, const fi_selection_options *options,
                      fi_constraints *constraints, fd_rng *rng, size_t k, fi_pair *batch,
                      size_t *count) FD_MUST_CHECK;

#endif
