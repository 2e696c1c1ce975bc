/* The rows of a CSV file as learning curves: groups of equal settings, in them an arm for each
 * strategy, in it a run for each seed. */
#ifndef FD_GROUPS_H
#define FD_GROUPS_H

#include "results_csv.h"
#include "strategy_comparison.h"

typedef struct fd_arm {
    const char *strategy;
    size_t n_runs;
    const fd_csv_row **runs; /* [n_runs] the first row of each, its other rounds follow it */
    double **values;         /* [n_runs][rounds] Spearman correlation within prompts */
} fd_arm;

typedef struct fd_group {
    const fd_csv_row *settings; /* any of its rows */
    size_t rounds;
    double *labels; /* [rounds] */
    size_t n_arms;
    fd_arm *arms; /* by name */
} fd_group;

typedef struct fd_groups {
    size_t count;
    fd_group *groups;
} fd_groups;

/* Borrows the rows. */
int fd_groups_of(const fd_csv *csv, fd_groups *ret) FD_MUST_CHECK;
void fd_groups_clear(fd_groups *groups);

const fd_arm *fd_group_find(const fd_group *group, const char *strategy); /* NULL: none */

/* All curves of an arm; `values` of the result are the arm's. */
fd_curves fd_arm_curves(const fd_group *group, const fd_arm *arm);

/* Name, data, reward and mode of a group, and those of its other settings in which groups differ;
 * the caller frees it. */
int fd_group_title(const fd_groups *groups, size_t index, char **ret) FD_MUST_CHECK;

#endif
