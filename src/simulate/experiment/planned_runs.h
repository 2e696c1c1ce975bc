/* The runs of a plan: every combination of its lists, once for each seed. */
#ifndef FD_PLANNED_RUNS_H
#define FD_PLANNED_RUNS_H

#include "experiment_plan.h"

extern const char *const fd_reward_names[FD_REWARD_COUNT + 1]; /* ends with NULL */

/* Fills the plan's runs from its flags and options. -EINVAL with a fault; -ENOMEM. */
int fd_plan_make_runs(fd_plan *plan, fd_fault *fault) FD_MUST_CHECK;

#endif
