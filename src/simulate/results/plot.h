/* Figures, drawn by gnuplot from scripts that hold their data and stay beside them. */
#ifndef FD_PLOT_H
#define FD_PLOT_H

#include "curve_groups.h"

/*
 * Learning curves of each group, and side by side those of groups that differ only in the batch
 * size, the mode or the width. The folder is made where it is not there. -ENOENT with a fault where
 * gnuplot is missing.
 */
int fd_plot_curves(const fd_curve_groups *groups, const char *folder,
                   fd_fault *fault) FD_MUST_CHECK;

/*
 * The paper's Figure 1, for the two-dimensional example: the reward that is estimated in four of
 * the rounds and the pairs that each strategy of the plan chose by it. The first run of each
 * strategy is run again for it.
 */
int fd_plot_plane(const fd_plan *plan, const fd_testbed *data, const char *folder,
                  fd_fault *fault) FD_MUST_CHECK;

/* A script NAME.gp in the folder, to be written and closed. */
int fd_plot_open(const char *folder, const char *name, FILE **ret, fd_fault *fault) FD_MUST_CHECK;

/* Closes a script and has gnuplot run it, in the folder. */
int fd_plot_draw(const char *folder, const char *name, FILE *script, fd_fault *fault) FD_MUST_CHECK;

/* As a string of gnuplot's in which nothing has a meaning. */
void fd_plot_print_text(FILE *script, const char *text);

#endif
