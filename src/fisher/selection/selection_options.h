/* Checks the options of a selection, and derives what lists and pools share. */
#ifndef FI_SELECTION_OPTIONS_H
#define FI_SELECTION_OPTIONS_H

#include <fisher/selection.h>

#include "constraints.h"

/* -EINVAL for options, a past or targets out of bounds. */
int fi_check_options(const fi_selection_options *options, size_t n_features,
                     const fi_information *past) FD_MUST_CHECK;

/* The factor of M. Errors as fi_factor_new_raised. */
int fi_factor_design(const fi_information *past, const fi_selection_options *options,
                     fi_factor **ret) FD_MUST_CHECK;

/* The limits of the batch. `groups` [n_items]; NULL: none. */
fi_limits fi_limits_of(const fi_selection_options *options, const uint32_t *groups);

/* The seed of the random batch that the statistics compare with. It differs from the seed of the
 * strategy's own draws. */
uint64_t fi_random_batch_seed(const fi_selection_options *options);

#endif
