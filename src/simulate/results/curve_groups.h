/* The rows of a CSV file as learning curves: groups of equal settings, in them an arm for each
 * strategy, in it a run for each seed. */
#ifndef FD_CURVE_GROUPS_H
#define FD_CURVE_GROUPS_H

#include "results_csv.h"
#include "strategy_comparison.h"

typedef struct fd_arm {
    const char *strategy;
    size_t n_runs;
    const fd_results_row **runs; /* [n_runs] the first row of each, its other rounds follow it */
    double **values;             /* [n_runs][rounds] Spearman correlation within prompts */
} fd_arm;

typedef struct fd_curve_group {
    const fd_results_row *settings; /* any of its rows */
    size_t rounds;
    double *labels; /* [rounds] */
    size_t n_arms;
    fd_arm *arms; /* by name */
} fd_curve_group;

typedef struct fd_curve_groups {
    size_t count;
    fd_curve_group *groups;
} fd_curve_groups;

/* Borrows the rows. */
int fd_curve_groups_of(const fd_results *csv, fd_curve_groups *ret) FD_MUST_CHECK;
void fd_curve_groups_clear(fd_curve_groups *groups);

const fd_arm *fd_curve_group_find(const fd_curve_group *group,
                                  const char *strategy); /* NULL: none */

/* All curves of an arm; `values` of the result are the arm's. */
fd_curves fd_arm_curves(const fd_curve_group *group, const fd_arm *arm);

/* Name, data, reward and mode of a group, and those of its other settings in which groups differ;
 * the caller frees it. */
int fd_curve_group_title(const fd_curve_groups *groups, size_t index, char **ret) FD_MUST_CHECK;

#endif
