/* The two ways to select from a pool. Both give the same batch; errors as fi_select_pool. */
#ifndef FI_SELECT_FROM_POOL_H
#define FI_SELECT_FROM_POOL_H

#include <fisher/selection.h>

#include "macros.h"
#include "pool_view.h"

/* From a list of all pairs. */
int fi_select_from_pool_listed(const fi_pool_view *view, const fi_information *past,
                               const fi_selection_options *options,
                               fi_selection *ret) FD_MUST_CHECK;

/* Without a list, for a strategy that takes any pool. */
int fi_select_from_pool_unlisted(const fi_pool_view *view, const fi_information *past,
                                 const fi_selection_options *options,
                                 fi_selection *ret) FD_MUST_CHECK;

#endif
