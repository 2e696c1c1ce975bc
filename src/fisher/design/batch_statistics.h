/* Statistics of a batch: how it spreads over items and directions. */
#ifndef FI_BATCH_STATISTICS_H
#define FI_BATCH_STATISTICS_H

#include <fisher/selection.h>

#include "distinct_items.h"

/* Cosines are computed among the first pairs of a batch, at most this many. */
#define FI_BATCH_STATISTICS_PAIRS_MAX ((size_t)4096)

/* Sets all statistics of k pairs of distinct items except logdet and d_efficiency. -ENOMEM. */
int fi_batch_statistics_of(const fi_distinct_items *distinct, size_t k, const fi_pair *pairs,
                           fi_batch_statistics *ret) FD_MUST_CHECK;

#endif
