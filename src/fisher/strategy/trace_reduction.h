/*
 * Greedy on a trace: one pair after another, each with the largest fall of trace(T M^-1). With
 * Sherman and Morrison (1950) that of a pair with the difference d and the weight v is
 *
 *     gain = v d' M^-1 T M^-1 d / (1 + v d' M^-1 d)
 *
 * (Yu, Bi and Tresp, Active learning via transductive experimental design, ICML 2006). It is not
 * submodular: a gain may rise with the picks before it, and no candidate may lag behind.
 */
#ifndef FI_TRACE_REDUCTION_H
#define FI_TRACE_REDUCTION_H

#include "strategy.h"

/* `target` is T, whose scale does not matter; NULL: the identity. */
int fi_choose_by_trace(const fi_problem *problem, const fi_information *target, size_t k,
                       uint32_t *batch, size_t *count) FD_MUST_CHECK;

#endif
