/* The state of a run, for the files that run it. */
#ifndef FD_EXPERIMENT_STATE_H
#define FD_EXPERIMENT_STATE_H

#include "experiment_run.h"
#include "pair_set.h"

typedef struct fd_experiment {
    const fd_plan *plan;
    const fd_testbed *testbed;
    const fd_run *run;
    const double *rewards; /* [n_items] those that the answers follow */
    fd_engine *engine;
    size_t n_rows;
    uint32_t *item_of_row; /* [n_rows] the testbed's item of each row of the engine's table */
    fd_pair_set asked;     /* how often each pair was asked, which numbers its coins */
    fi_pair *queue;        /* [capacity] chosen pairs, as items of the testbed */
    size_t n_queued, capacity;
    size_t next;     /* the first pair of the queue without an answer */
    uint64_t draws;  /* selections so far, which number their seeds */
    uint64_t labels; /* so far */
    fd_round round;  /* the current one */
    size_t n_chosen; /* pairs in the statistics of the round */
    fd_fault *fault;
} fd_experiment;

#endif
