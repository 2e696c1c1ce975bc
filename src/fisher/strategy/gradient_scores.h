/*
 * The gradient of log det in the weight of each candidate, at all candidates (Shen, Sun and Ton,
 * ICML 2025, eq. 9).
 */
#ifndef FI_GRADIENT_SCORES_H
#define FI_GRADIENT_SCORES_H

#include "strategy.h"

/* Sets scores [n_pairs] to w d' (sum of w d d' + past + 1e-6 identity)^-1 d. `weights` [n_pairs];
 * NULL means ones. `past` NULL means zero. -ENOMEM. */
int fi_gradient_scores(const fi_distinct_items *distinct, const double *weights,
                       const fi_information *past, double *scores) FD_MUST_CHECK;

/* Takes the candidates with the largest scores. */
int fi_choose_by_gradient(const fi_problem *problem, const double *weights,
                          const fi_information *past, size_t k, uint32_t *batch,
                          size_t *count) FD_MUST_CHECK;

/* The same from a pool, with weights of one if `unit`, else v. */
int fi_choose_by_gradient_from_pool(const fi_pool_problem *problem, bool unit,
                                    const fi_information *past, size_t k, fi_pair *batch,
                                    size_t *count) FD_MUST_CHECK;

#endif
