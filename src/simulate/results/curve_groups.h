/* The rows of a results file as learning curves: a group for each setting, in it an arm for each
 * strategy, in it a run for each seed. */
#ifndef FD_CURVE_GROUPS_H
#define FD_CURVE_GROUPS_H

#include "results_csv.h"
#include "strategy_comparison.h"

typedef struct fd_arm {
    const char *strategy;
    size_t n_runs;
    const fd_results_row **runs; /* [n_runs] the first row of each run; its other rounds follow */
    double **values;             /* [n_runs][rounds] Spearman correlation within prompts */
} fd_arm;

typedef struct fd_curve_group {
    const fd_results_row *settings; /* any of its rows */
    size_t rounds;
    double *labels; /* [rounds] */
    size_t n_arms;
    fd_arm *arms; /* [n_arms] by name */
} fd_curve_group;

typedef struct fd_curve_groups {
    size_t count;
    fd_curve_group *groups; /* [count] */
} fd_curve_groups;

/* Borrows the rows. -ENOMEM. */
int fd_curve_groups_of(const fd_results *results, fd_curve_groups *ret) FD_MUST_CHECK;
void fd_curve_groups_clear(fd_curve_groups *groups);

const fd_arm *fd_curve_group_find(const fd_curve_group *group,
                                  const char *strategy); /* NULL: none */

/* All curves of an arm, which still owns them. */
fd_curves fd_arm_curves(const fd_curve_group *group, const fd_arm *arm);

/* The title of a group: its name, data, reward and mode, and each other setting in which the groups
 * differ. The caller frees it. -ENOMEM. */
int fd_curve_group_title(const fd_curve_groups *groups, size_t index, char **ret) FD_MUST_CHECK;

#endif
