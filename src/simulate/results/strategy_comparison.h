/* How much faster one strategy learns than another over the same seeds. */
#ifndef FD_STRATEGY_COMPARISON_H
#define FD_STRATEGY_COMPARISON_H

#include <stddef.h>

#include "macros.h"

/* Learning curves: values [n][rounds], a row a seed; labels [rounds], how many there were. */
typedef struct fd_curves {
    size_t n;
    size_t rounds;
    const double *labels;
    const double *const *values;
} fd_curves;

/* A value with its 95 % interval; the bounds are NaN if there is none. */
typedef struct fd_estimate {
    double value, low, high;
} fd_estimate;

typedef struct fd_strategy_comparison {
    /* The mean curve's mean over the rounds, minus that of the base. */
    fd_estimate area;
    /* Labels that the base's mean curve needs for its own final value, divided by those that this
     * one needs to reach that value; 0 if it never does. */
    fd_estimate saving;
} fd_strategy_comparison;

/* Sets mean [rounds] to the mean curve. Returns the area under it: its mean over the rounds. */
double fd_curves_mean(const fd_curves *curves, double *mean);

/*
 * The number of labels at which a curve first reaches a level, with straight lines between the
 * rounds. That of the first round if the curve begins above the level; infinity if no round reaches
 * it.
 */
double fd_labels_to_reach(size_t rounds, const double *labels, const double *curve, double level);

/*
 * The intervals are percentiles of 2,000 resamples of the seeds, each used for both curves (Efron
 * and Tibshirani 1993). Both have the same n seeds in the same order. -ENOMEM.
 */
int fd_compare_strategies(const fd_curves *curves, const fd_curves *base,
                          fd_strategy_comparison *ret) FD_MUST_CHECK;

#endif
