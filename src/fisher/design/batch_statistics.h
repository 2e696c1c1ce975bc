/* What a batch is like. */
#ifndef FI_FIGURES_H
#define FI_FIGURES_H

#include "design_private.h"

/* Of larger batches the cosines are those among this many first pairs. */
#define FI_FIGURES_PAIRS_MAX ((size_t)4096)

/* Everything but logdet and d_efficiency, of k pairs of distinct items. */
int fi_figures_of(const fi_distinct *distinct, size_t k, const fi_pair *pairs,
                  fi_figures *ret) FD_MUST_CHECK;

#endif
