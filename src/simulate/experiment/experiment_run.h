/* One run: rounds of choosing pairs, answering them and training, on an engine of its own. */
#ifndef FD_EXPERIMENT_RUN_H
#define FD_EXPERIMENT_RUN_H

#include "engine.h"
#include "experiment_plan.h"
#include "ranking_measures.h"

/* After one round. */
typedef struct fd_round {
    uint64_t round;  /* from 1 */
    uint64_t labels; /* so far */
    fd_measures measures;
    double logdet; /* log det (I_past + prior) */
    double select_seconds;
    double train_seconds;
    /* Of the batches chosen in this round; NaN if there was none. */
    double uses_per_item; /* pairs that an occurring item is in */
    double reward_gap;    /* mean abs(d' beta) */
    double nearest_cosine;
    double d_efficiency;
} fd_round;

/* Ends the run with what it returns, if not 0. */
typedef int fd_round_visit(void *context, const fd_run *run, const fd_round *round);

/* What can be seen of a round between the choice of its pairs and their answers. */
typedef struct fd_chosen {
    const fd_run *run;
    const fd_round *figures; /* of the round so far */
    fd_engine *engine;       /* serves the model that chose */
    size_t n_pairs;
    const fi_pair *pairs; /* items of the data */
} fd_chosen;

typedef struct fd_watcher {
    fd_round_visit *on_round;
    int (*on_chosen)(void *context, const fd_chosen *chosen); /* NULL: not wanted */
    void *context;
} fd_watcher;

int fd_run_rounds(const fd_plan *plan, const fd_testbed *data, const fd_run *run,
                  const fd_watcher *watcher, fd_fault *fault) FD_MUST_CHECK;

#endif
