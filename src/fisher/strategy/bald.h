/* The information that one answer shares with the weights of the last layer. */
#ifndef FI_BALD_H
#define FI_BALD_H

#include <math.h>

#include "strategy.h"

/* Nats that an answer shares with the weights if its logit has the distribution N(mean, variance).
 */
double fi_bald(double mean, double variance);

/* The largest possible v = p (1 - p). */
#define FI_WEIGHT_MAX 0.25

/* The logit to use. Weights of one replace those of a model that is sure of every answer. Its
 * logits do not tell candidates apart either, and count as 0. */
static inline double fi_bald_logit(const fi_problem *problem, size_t index) {
    return problem->weights[index] > FI_WEIGHT_MAX ? 0.0 : problem->logits[index];
}

#endif
