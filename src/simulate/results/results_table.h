/* What a CSV file says, in figures. */
#ifndef FD_RESULTS_TABLE_H
#define FD_RESULTS_TABLE_H

#include "curve_groups.h"

/*
 * For each group and strategy: the area under the curve, its difference to that of `random` and
 * `pa-dopt` over the seeds that both have, the last value, and the labels saved against each; and
 * those saved against `against`, "NAME:STRATEGY" (NULL: none), an arm of the group of that name
 * with the same data, reward and mode.
 */
int fd_results_table_print(const fd_curve_groups *groups, const char *against,
                           FILE *out) FD_MUST_CHECK;

#endif
