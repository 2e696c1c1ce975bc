/* Tries the kinds of model on answers that they were not trained on. */
#ifndef FI_KIND_TRIALS_H
#define FI_KIND_TRIALS_H

#include "kind_comparison.h"
#include "kinds.h"

typedef struct fi_kind_trials {
    fi_kind_comparison comparison;
    double networks; /* that were trained */
    double steps;    /* of all of them */
    uint8_t folds;   /* that were tried */
    double
        *linear_logits; /* [learning->all.count] of models that never saw the answer; NaN: none */
    double *network_logits;
} fi_kind_trials;

void fi_kind_trials_clear(fi_kind_trials *trials);

/* Whether learning needs trials at all: to choose the kind, or the steps of a network. */
bool fi_kind_trials_are_needed(const fi_learning *learning);

/* Runs the trials that are needed; errors as fi_learn. Clear them in any case. */
int fi_kind_trials_run(fi_learning *learning, fi_kind_trials *trials) FD_MUST_CHECK;

/* Fits linear models for the folds that were not tried, so that each answer has a logit of a model
 * that never saw it. */
int fi_kind_trials_complete(fi_learning *learning, fi_kind_trials *trials) FD_MUST_CHECK;

#endif
