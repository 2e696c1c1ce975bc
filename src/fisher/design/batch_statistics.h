/* What a batch is like. */
#ifndef FI_BATCH_STATISTICS_H
#define FI_BATCH_STATISTICS_H

#include "design_private.h"

/* Of larger batches the cosines are those among this many first pairs. */
#define FI_BATCH_STATISTICS_PAIRS_MAX ((size_t)4096)

/* Everything but logdet and d_efficiency, of k pairs of distinct items. */
int fi_batch_statistics_of(const fi_distinct_items *distinct, size_t k, const fi_pair *pairs,
                           fi_batch_statistics *ret) FD_MUST_CHECK;

#endif
