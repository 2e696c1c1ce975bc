/* Differences between learners and strategies, over replications: splits and teachers. */
#ifndef FD_PAIRED_DIFFERENCES_H
#define FD_PAIRED_DIFFERENCES_H

#include <stddef.h>

#include "strategy_comparison.h"

/* A figure of one run at one checkpoint, and that of the other one that it is compared with. */
typedef struct fd_paired_value {
    const char *unit; /* the split or the teacher; the other values of a unit are averaged */
    double value, base;
} fd_paired_value;

typedef struct fd_paired_difference {
    size_t units;           /* with values on both sides */
    double mean;            /* of the values, over the units */
    fd_estimate difference; /* value - base, with its 95 % interval by Student's t over the units */
} fd_paired_difference;

/* values [n], those of a unit next to each other. Values that are not finite do not count. The mean
 * and the difference are NaN without any unit, the interval's bounds with fewer than two. */
fd_paired_difference fd_pair_differences(size_t n, const fd_paired_value *values);

#endif
