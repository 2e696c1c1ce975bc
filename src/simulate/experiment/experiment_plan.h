/* What `fisherd simulate` was asked for: the flags of simulate.def and the runs they make. */
#ifndef FD_EXPERIMENT_PLAN_H
#define FD_EXPERIMENT_PLAN_H

#include <fisher/design.h>

#include "options.h"
#include "testbed.h"

typedef struct fd_flags {
#define OPTION(kind, member, ...) FD_OPTION_TYPE_##kind member;
#include "simulate_options.def"
#undef OPTION
    bool resume;
} fd_flags;

/* What varies between the runs of a plan. */
typedef struct fd_run {
    fd_reward reward;
    fi_scope mode;
    const char *strategy;
    uint64_t batch;
    uint64_t width;
    uint64_t seed;
} fd_run;

typedef struct fd_plan {
    fd_flags flags;
    fd_options options;  /* of the engine */
    char *described;     /* those that matter to a run, "name=value;…" */
    uint64_t candidates; /* 0: as many as the engine takes, or all */
    size_t n_runs;
    fd_run *runs; /* seed by seed, so that what is finished can be compared */
} fd_plan;

extern const char *const fd_reward_names[FD_REWARD_COUNT];
const char *fd_mode_name(fi_scope mode);

/* -EINVAL with a fault in words. The strategies of the runs belong to the plan. */
int fd_plan_read(int argc, char **argv, fd_plan *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_plan_clear(fd_plan *plan);

#endif
