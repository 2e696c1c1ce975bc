/* Reads the learners of a plan: sets of engine options, each with a name. */
#ifndef FD_PLANNED_LEARNERS_H
#define FD_PLANNED_LEARNERS_H

#include "experiment_plan.h"

/* `argv` are the options that all learners share. -EINVAL with a fault; -ENOMEM. The caller clears
 * the plan in any case. */
int fd_plan_read_learners(fd_plan *plan, int argc, char **argv, fd_fault *fault) FD_MUST_CHECK;
void fd_plan_clear_learners(fd_plan *plan);

#endif
