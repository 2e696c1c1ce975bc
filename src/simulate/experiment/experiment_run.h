/* One run: rounds of choosing pairs, answering them and learning, with a learner of its own. */
#ifndef FD_EXPERIMENT_RUN_H
#define FD_EXPERIMENT_RUN_H

#include "engine.h"
#include "experiment_data.h"
#include "learner.h"

/* The result of a round. */
typedef struct fd_round {
    uint64_t round;           /* from 1 */
    uint64_t labels;          /* so far */
    uint64_t responses_shown; /* so far, each once */
    double cost_seconds;      /* of answers and responses so far */
    fd_ranking_measures measures;
    fd_ranking_measures length; /* of the log length of a response as its reward */
    fd_learner_state learner;   /* what the learner says of itself */
    double select_seconds;
    double train_seconds;
    /* Statistics of the batches chosen in this round; NaN if there was none. */
    double uses_per_item; /* pairs of the batch with the same item, mean over its items */
    double reward_gap;    /* mean abs(d' beta) */
    double nearest_cosine;
    double d_efficiency;
} fd_round;

/* A batch between its choice and its answers. */
typedef struct fd_chosen_batch {
    const fd_run *run;
    const fd_round *round; /* so far */
    fd_engine *engine;     /* serves the model that chose */
    size_t n_pairs;
    const fi_pair *pairs; /* [n_pairs] items of the testbed */
} fd_chosen_batch;

/* Called during a run; a result other than 0 ends the run, which returns it. */
typedef struct fd_run_hooks {
    int (*on_round)(void *context, const fd_run *run, const fd_round *round);
    int (*on_chosen)(void *context, const fd_chosen_batch *batch); /* NULL: none */
    void *context;
} fd_run_hooks;

/* When all pairs have been asked: -EINVAL with a fault, or with checkpoints the measures of the
 * rest are NaN. -errno. */
int fd_run_rounds(const fd_plan *plan, const fd_experiment_sets *sets, const fd_run *run,
                  const fd_run_hooks *hooks, fd_fault *fault) FD_MUST_CHECK;

#endif
