/* Figures of learning curves. */
#ifndef FD_PLOT_CURVES_H
#define FD_PLOT_CURVES_H

#include "curve_groups.h"
#include "fault.h"

/*
 * Draws the learning curves of each group, and side by side those of groups that differ only in
 * batch size, mode or width. Makes the folder if needed. -ENOENT with a fault if gnuplot is not
 * installed.
 */
int fd_plot_curves(const fd_curve_groups *groups, const char *folder,
                   fd_fault *fault) FD_MUST_CHECK;

#endif
