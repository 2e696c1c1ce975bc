/* Checks options, and turns them into limits and a seed. */
#include "selection_options.h"

#include <errno.h>
#include <math.h>

#include "information.h"
#include "strategy.h"

int fi_check_options(const fi_selection_options *options, size_t n_features,
                     const fi_information *past) {
    if (!fi_strategy_functions_of(options->strategy) || options->batch_size == 0 ||
        !isfinite(options->prior_precision) || options->prior_precision < 0.0 ||
        (options->prior_precision == 0.0 && !options->prior) ||
        !(options->copy_distance >= 0.0 && options->copy_distance < 1.0))
        return -EINVAL;
    if ((past && fi_information_size(past) != n_features) ||
        (options->prior && fi_information_size(options->prior) != n_features) ||
        (options->targets && options->targets->n_features != n_features))
        return -EINVAL;
    return 0;
}

int fi_factor_design(const fi_information *past, const fi_selection_options *options,
                     fi_factor **ret) {
    FD_CLEANUP(fi_information_freep) fi_information *sum = NULL;
    if (!options->prior)
        return fi_factor_new_raised(past, options->prior_precision, ret);
    int r = fi_information_copy(past, &sum);
    if (r)
        return r;
    fi_information_merge(sum, options->prior);
    return fi_factor_new_raised(sum, options->prior_precision, ret);
}

fi_limits fi_limits_of(const fi_selection_options *options, const uint32_t *groups) {
    return (fi_limits){
        .per_item = options->max_per_item,
        .per_group = options->max_per_group,
        .groups = groups,
        .defer_copies = options->copy_distance > 0.0,
        .copy_distance = options->strategy->is_random ? 0.0 : options->copy_distance,
    };
}

uint64_t fi_random_batch_seed(const fi_selection_options *options) {
    return options->seed ^ 0x9e3779b97f4a7c15u; /* any number but 0 */
}
