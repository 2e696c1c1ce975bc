/* The figure of the two-dimensional example. */
#ifndef FD_PLOT_PLANE_H
#define FD_PLOT_PLANE_H

#include "experiment_data.h"

/*
 * Draws Figure 1 of Shen, Sun and Ton (arXiv 2502.04354): the estimated reward in four of the
 * rounds, and the pairs that each strategy of the plan chose by it. Runs the first run of each
 * strategy again.
 */
int fd_plot_plane(const fd_plan *plan, const fd_experiment_sets *sets, const char *folder,
                  fd_fault *fault) FD_MUST_CHECK;

#endif
