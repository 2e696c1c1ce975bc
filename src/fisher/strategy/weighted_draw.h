/*
 * Successive sampling: a candidate with probability proportional to its weight, the next in the
 * same way among those left, and so on. No candidate is drawn twice, whatever k is. Efraimidis and
 * Spirakis (2006) draw all at once: with u uniform on (0, 1) for each candidate, the order of the
 * keys u^(1 / weight), largest first, is that of successive draws.
 */
#ifndef FI_WEIGHTED_DRAW_H
#define FI_WEIGHTED_DRAW_H

#include "strategy.h"

/* Takes candidates drawn by weights [n_pairs], none negative; those of weight 0 go last, in random
 * order. */
int fi_weighted_draw(const fi_problem *problem, const double *weights, size_t k, uint32_t *batch,
                     size_t *count) FD_MUST_CHECK;

#endif
