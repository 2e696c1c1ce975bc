/* How much faster one strategy learns than another, over the same seeds. */
#ifndef FD_STRATEGY_COMPARISON_H
#define FD_STRATEGY_COMPARISON_H

#include <stddef.h>

#include "macros.h"

/* Learning curves: values [n] of [rounds] each, seed by seed, after labels [rounds] answers. */
typedef struct fd_curves {
    size_t n;
    size_t rounds;
    const double *labels;
    const double *const *values;
} fd_curves;

/* A figure with its 95 % interval; NaN where there is none. */
typedef struct fd_estimate {
    double value, low, high;
} fd_estimate;

typedef struct fd_strategy_comparison {
    fd_estimate area;   /* of the mean curve, less the base's: means over the rounds of each */
    fd_estimate saving; /* labels that the base's mean curve needs for its own final value, for each
                           that this one needs to reach it; 0 where it never does */
} fd_strategy_comparison;

/* The mean curve: mean [rounds]. Returns the area under it, its mean over the rounds. */
double fd_curves_mean(const fd_curves *curves, double *mean);

/*
 * Labels at which a curve first reaches a level, straight lines between the rounds; those of the
 * first round if that has it already, infinity if none has.
 */
double fd_labels_to_reach(size_t rounds, const double *labels, const double *curve, double level);

/*
 * The intervals are the percentiles of 2,000 resamples of the seeds, each taken for both curves
 * (Efron and Tibshirani 1993). Both have the same n seeds in the same order. -ENOMEM.
 */
int fd_compare_strategies(const fd_curves *curves, const fd_curves *base,
                          fd_strategy_comparison *ret) FD_MUST_CHECK;

#endif
