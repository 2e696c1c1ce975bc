/* The runs of a plan: every combination of its lists, once for each split and seed. */
#ifndef FD_PLANNED_RUNS_H
#define FD_PLANNED_RUNS_H

#include "experiment_data.h"

/* Fills the plan's runs from its flags, its learners and the data. -EINVAL with a fault; -ENOMEM.
 */
int fd_plan_make_runs(fd_plan *plan, const fd_experiment_sets *sets, fd_fault *fault) FD_MUST_CHECK;

#endif
