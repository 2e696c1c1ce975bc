/* What one answer tells about the last layer, and the logit that a strategy goes by. */
#ifndef FI_BALD_H
#define FI_BALD_H

#include <math.h>

#include "strategy.h"

/* Nats that the answer shares with the weights, its logit being N(mean, variance). */
double fi_bald(double mean, double variance);

/* v = p (1 - p) is at most this. */
#define FI_WEIGHT_MAX 0.25

/* Weights of one stand in for those of a model that is sure of every answer: then its logits say
 * nothing either, and count as 0. */
static inline double fi_bald_logit(const fi_problem *problem, size_t index) {
    return problem->weights[index] > FI_WEIGHT_MAX ? 0.0 : problem->logits[index];
}

#endif
