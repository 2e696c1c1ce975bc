/* The two ways to select from a pool, which give the same batch. */
#ifndef FI_SELECT_FROM_POOL_H
#define FI_SELECT_FROM_POOL_H

#include "strategy.h"

/* By a list of all pairs. */
int fi_select_from_pool_listed(const fi_pool_view *view, const fi_information *past,
                               const fi_selection_options *options,
                               fi_selection *ret) FD_MUST_CHECK;

/* Without a list, for strategies that can. */
int fi_select_from_pool_unlisted(const fi_pool_view *view, const fi_information *past,
                                 const fi_selection_options *options,
                                 fi_selection *ret) FD_MUST_CHECK;

#endif
