/* The plan of `fisherd simulate`: its flags, and the runs that follow from them. */
#ifndef FD_EXPERIMENT_PLAN_H
#define FD_EXPERIMENT_PLAN_H

#include <fisher/design.h>

#include "annotator_mix.h"
#include "options.h"
#include "prompt_split.h"
#include "score_source.h"

/* The flags of simulate_options.def. */
typedef struct fd_simulate_flags {
#define OPTION(kind, member, ...) FD_OPTION_TYPE_##kind member;
#include "simulate_options.def"
#undef OPTION
    bool resume;
} fd_simulate_flags;

extern const fd_option_table fd_simulate_option_table;

/* A learner: options of the engine under a name. */
typedef struct fd_planned_learner {
    char *name;
    fd_options options;
    fd_score_source scores; /* what it knows before any answer, as the next */
    fd_better_length better_length;
    char *described; /* the options that matter to a run, "name=value;…" */
} fd_planned_learner;

typedef struct fd_planned_mix {
    char *text; /* as in --annotators */
    fd_annotator_mix mix;
} fd_planned_mix;

/* The settings that vary between the runs of a plan. */
typedef struct fd_run {
    size_t data;   /* index in the data of the experiment */
    size_t reward; /* index in the rewards of the data */
    size_t learner;
    size_t mix;
    fi_scope mode;
    const char *strategy; /* of libfisher's registry */
    uint64_t batch;
    uint64_t width;
    uint64_t split;
    uint64_t seed;
} fd_run;

typedef struct fd_plan {
    fd_simulate_flags flags;
    size_t n_learners;
    fd_planned_learner *learners; /* [n_learners] */
    size_t n_mixes;
    fd_planned_mix *mixes; /* [n_mixes] */
    fd_part part;
    bool as_daemon;      /* the flag --learn */
    uint64_t candidates; /* 0: as many as the engine draws, or all */
    size_t n_rounds;
    uint64_t *checkpoints; /* [n_rounds] answers at the end of each round; NULL: a batch each */
    size_t n_runs;
    fd_run *runs; /* [n_runs] split by split and seed by seed, so that finished ones can be compared
                   */
} fd_plan;

/* All but the runs, which depend on the data (planned_runs.h). -EINVAL with a fault. The caller
 * clears the plan. */
int fd_plan_read(int argc, char **argv, fd_plan *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_plan_clear(fd_plan *plan);

#endif
