/*
 * Successive sampling: draws a candidate with probability proportional to its weight, then the next
 * one among the others, and so on. No candidate is drawn twice. Efraimidis and Spirakis (2006) draw
 * all at once: with u uniform on (0, 1) for each candidate, the keys u^(1 / weight) in descending
 * order have the distribution of successive draws.
 */
#ifndef FI_WEIGHTED_DRAW_H
#define FI_WEIGHTED_DRAW_H

#include "strategy.h"

/* weights [n_pairs] are at least 0. Candidates of weight 0 come last, in random order. -ECANCELED,
 * -ENOMEM. */
int fi_weighted_draw(const fi_problem *problem, const double *weights, size_t k, uint32_t *batch,
                     size_t *count) FD_MUST_CHECK;

#endif
