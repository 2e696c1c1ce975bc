/*
 * The strategy `i-opt`: I-optimality, greedy on trace(T M^-1) with T = sum of d d' over the pairs
 * whose ranking matters. The trace is the sum of the variances of their logits d' beta (Studden,
 * Optimal designs for integrated variance in polynomial regression, 1977).
 */
#include "trace_reduction.h"

int fi_choose_i_opt(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    if (problem->options->target)
        return fi_choose_by_trace(problem, problem->options->target, k, batch, count);
    FD_CLEANUP(fi_information_freep) fi_information *target = NULL;
    int r = fi_information_new(problem->distinct->n_features, &target);
    if (r == 0)
        r = fi_information_add_weighted(target, problem->distinct, NULL);
    return r ? r : fi_choose_by_trace(problem, target, k, batch, count);
}
