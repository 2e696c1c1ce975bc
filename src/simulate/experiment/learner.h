/*
 * The learner of a run: an engine with a store in memory. All that an experiment asks of learning
 * is here: to open, to add items and answers, to learn, to score. Choosing pairs is pair_choice.h.
 */
#ifndef FD_LEARNER_H
#define FD_LEARNER_H

#include "engine.h"
#include "experiment_plan.h"
#include "labels.h"
#include "testbed.h"

typedef struct fd_learner {
    fd_engine *engine;
    bool as_daemon;          /* refits, and trains every retrain_labels answers */
    uint64_t retrain_labels; /* 0: never */
    uint64_t labels;         /* so far */
    uint64_t trained;        /* labels of the last training */
    double *scores;          /* [n_items] prior scores of a testbed's items; NULL: none */
} fd_learner;

/* `rewards` [n_items] are those of the run; NULL: none. */
int fd_learner_open(const fd_plan *plan, const fd_run *run, const fd_testbed *testbed,
                    const double *rewards, fd_learner *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_learner_close(fd_learner *learner);

/* Adds items [n] of a testbed; they become rows of the engine's table in this order. */
int fd_learner_add_items(fd_learner *learner, const fd_testbed *testbed, size_t n,
                         const uint32_t *items, fd_fault *fault) FD_MUST_CHECK;

int fd_learner_add_labels(fd_learner *learner, const fd_label *labels, size_t n,
                          fd_fault *fault) FD_MUST_CHECK;

/* Learns from all labels: by a refit, or by a training. */
int fd_learner_learn(fd_learner *learner, fd_fault *fault) FD_MUST_CHECK;

/* Sets rewards [n] of items of a testbed that the engine does not know; all of one prompt. */
int fd_learner_score(fd_learner *learner, const fd_testbed *testbed, size_t n,
                     const uint32_t *items, double *rewards, fd_fault *fault) FD_MUST_CHECK;

/* What the learner says of itself. */
typedef struct fd_learner_state {
    double logdet; /* log det (I_past + prior) */
    bool stop_recommended;
    double expected_improvement; /* of the log loss with twice the labels; NaN: unknown */
} fd_learner_state;

int fd_learner_read_state(fd_learner *learner, fd_learner_state *ret) FD_MUST_CHECK;

#endif
