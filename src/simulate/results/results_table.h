/* The table that compares strategies. */
#ifndef FD_RESULTS_TABLE_H
#define FD_RESULTS_TABLE_H

#include <stdio.h>

#include "curve_groups.h"

/*
 * Prints for each group and strategy: the area under the curve, its difference to those of `random`
 * and `pa-dopt` over the seeds that both have, the last value, and the labels saved against each.
 * `against`, "NAME:STRATEGY" (NULL: none), adds the labels saved against that arm of the group of
 * this name with the same data, reward and mode. -ENOMEM.
 */
int fd_results_table_print(const fd_curve_groups *groups, const char *against,
                           FILE *out) FD_MUST_CHECK;

#endif
