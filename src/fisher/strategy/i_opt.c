/*
 * The strategy `i-opt`: I-optimality, greedy on trace(T M^-1) with T = sum of a d d' over the pairs
 * whose ranking matters. The trace is the sum of the variances of their logits d' beta (Studden,
 * Optimal designs for integrated variance in polynomial regression, 1977), each weighted by a, so
 * that a pair whose answer is clear, or nearly known, has little part in it.
 */
#include "target_information.h"
#include "trace_reduction.h"

int fi_choose_i_opt(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    FD_CLEANUP(fi_information_freep) fi_information *target = NULL;
    int r = fi_target_information_new(problem, &target);
    return r ? r : fi_choose_by_trace(problem, target, k, batch, count);
}
