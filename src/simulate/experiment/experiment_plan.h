/* The plan of `fisherd simulate`: its flags, and the runs that follow from them. */
#ifndef FD_EXPERIMENT_PLAN_H
#define FD_EXPERIMENT_PLAN_H

#include <fisher/design.h>

#include "options.h"
#include "testbed.h"

/* The flags of simulate_options.def. */
typedef struct fd_simulate_flags {
#define OPTION(kind, member, ...) FD_OPTION_TYPE_##kind member;
#include "simulate_options.def"
#undef OPTION
    bool resume;
} fd_simulate_flags;

extern const fd_option_table fd_simulate_option_table;

/* The settings that vary between the runs of a plan. */
typedef struct fd_run {
    fd_reward reward;
    fi_scope mode;
    const char *strategy; /* of libfisher's registry */
    uint64_t batch;
    uint64_t width;
    uint64_t seed;
} fd_run;

typedef struct fd_plan {
    fd_simulate_flags flags;
    fd_options options;      /* of the engine */
    char *described_options; /* those that matter to a run, "name=value;…" */
    uint64_t candidates;     /* 0: as many as the engine draws, or all */
    size_t n_runs;
    fd_run *runs; /* [n_runs] seed by seed, so that finished seeds can be compared */
} fd_plan;

/* -EINVAL with a fault. The caller clears the plan. */
int fd_plan_read(int argc, char **argv, fd_plan *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_plan_clear(fd_plan *plan);

#endif
