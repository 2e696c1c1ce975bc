/* The information of all pairs of a pool. */
#ifndef FI_POOL_INFORMATION_H
#define FI_POOL_INFORMATION_H

#include "pool_view.h"

/* information += sum over the pairs of v d d', or of d d' if `unit`. -ENOMEM. */
int fi_pool_add_information(const fi_pool_view *view, bool unit,
                            fi_information *information) FD_MUST_CHECK;

#endif
