/*
 * Greedy on a trace: one pair after another, each with the largest fall of trace(T M^-1). By the
 * formula of Sherman and Morrison (1950), a pair with difference d and weight v has the fall
 *
 *     gain = v d' M^-1 T M^-1 d / (1 + v d' M^-1 d)
 *
 * (Yu, Bi and Tresp, Active learning via transductive experimental design, ICML 2006). It is not
 * submodular: a gain may rise with the picks before it, so the gains of all candidates are kept up
 * to date.
 */
#ifndef FI_TRACE_REDUCTION_H
#define FI_TRACE_REDUCTION_H

#include "strategy.h"

/* `target` is T; its scale does not matter. NULL means the identity. -ECANCELED, -ENOMEM. */
int fi_choose_by_trace(const fi_problem *problem, const fi_information *target, size_t k,
                       uint32_t *batch, size_t *count) FD_MUST_CHECK;

#endif
