/* The ranks that pairs of a pool have by the entropy of their answers. */
#ifndef FI_POOL_ENTROPY_RANKS_H
#define FI_POOL_ENTROPY_RANKS_H

#include <fisher/selection.h>

#include "pool_view.h"

/* ranks [k]: for each of k pairs of distinct items, how many pairs of the pool have a smaller gap
 * in reward, and so a larger entropy. -ECANCELED, -ENOMEM. */
int fi_pool_entropy_ranks(const fi_pool_view *view, const fi_selection_options *options, size_t k,
                          const fi_pair *pairs, uint64_t *ranks) FD_MUST_CHECK;

#endif
