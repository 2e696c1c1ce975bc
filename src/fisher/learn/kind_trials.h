/* Tries the kinds of model on answers that they were not trained on. */
#ifndef FI_KIND_TRIALS_H
#define FI_KIND_TRIALS_H

#include "kind_comparison.h"
#include "kinds.h"

/* A network that was trained until it was best on the answers of a fold. */
typedef struct fi_tried_network {
    uint32_t steps;
    size_t answers; /* of the fold */
} fi_tried_network;

typedef struct fi_kind_trials {
    fi_kind_comparison comparison;
    size_t n_networks;
    fi_tried_network networks[FI_FOLDS]; /* [n_networks] */
    uint8_t folds;                       /* that were tried */
    double
        *linear_logits; /* [learning->all.count] of models that never saw the answer; NaN: none */
    double *network_logits;
} fi_kind_trials;

void fi_kind_trials_clear(fi_kind_trials *trials);

/* Whether learning needs trials at all: to choose the kind, or the steps of a network. */
bool fi_kind_trials_are_needed(const fi_learning *learning);

/* Runs the trials that are needed; errors as fi_learn. Clear them in any case. */
int fi_kind_trials_run(fi_learning *learning, fi_kind_trials *trials) FD_MUST_CHECK;

/* How long a network of all answers trains, at least one step: the median of the steps of the
 * trials, each weighted by its answers. A fold of a few answers may never stop by itself, and tells
 * little. 0: no network was tried. */
uint32_t fi_kind_trials_steps(const fi_kind_trials *trials);

/* Fits linear models for the folds that were not tried, so that each answer has a logit of a model
 * that never saw it. */
int fi_kind_trials_complete(fi_learning *learning, fi_kind_trials *trials) FD_MUST_CHECK;

#endif
