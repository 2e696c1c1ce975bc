/* The table of --compare: each learner and strategy against one of them, at each checkpoint. */
#ifndef FD_COMPARISON_TABLE_H
#define FD_COMPARISON_TABLE_H

#include "results_csv.h"

/*
 * Prints Markdown tables, one for each data set and measure. `base` is "LEARNER:STRATEGY". Teachers
 * of the same kind, such as network:1 and network:2, share a table, and the intervals are then over
 * the teachers; otherwise over the splits. The length of a response as its reward is a line of each
 * table. -EINVAL with a fault if no data set has the base;
 * -ENOMEM.
 */
int fd_comparison_table_print(const fd_results *results, const char *base, FILE *out,
                              fd_fault *fault) FD_MUST_CHECK;

#endif
