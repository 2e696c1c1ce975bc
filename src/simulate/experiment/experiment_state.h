/* The state of a run, for the files that run it. */
#ifndef FD_EXPERIMENT_STATE_H
#define FD_EXPERIMENT_STATE_H

#include "experiment_run.h"
#include "pair_set.h"
#include "simulated_answers.h"

typedef struct fd_experiment {
    const fd_plan *plan;
    const fd_experiment_data *data;
    const fd_testbed *testbed; /* of the data */
    const fd_run *run;
    fd_prompt_role *roles; /* [n_prompts] */
    fd_truth truth;
    fd_answering answering;
    fd_learner learner;
    size_t n_rows;
    uint32_t *item_of_row; /* [n_rows] the testbed's item of each row of the engine's table */
    uint32_t *row_of_item; /* [n_items] for items of training prompts */
    bool *shown;           /* [n_items] to an annotator */
    fd_pair_set asked;     /* how often each pair was asked, which numbers its coins */
    size_t n_voted;        /* pairs with votes that may be asked, of recorded_votes.h */
    const fd_voted_pair **voted;
    fi_pair *queue; /* [capacity] chosen pairs, as items of the testbed */
    size_t n_queued, capacity;
    size_t next;     /* the first pair of the queue without an answer */
    uint64_t draws;  /* selections so far, which number their seeds */
    uint64_t labels; /* so far */
    fd_round round;  /* the current one */
    size_t n_chosen; /* pairs in the statistics of the round */
    uint64_t responses;
    double seconds; /* what the answers and responses cost so far */
    fd_fault *fault;
} fd_experiment;

#endif
