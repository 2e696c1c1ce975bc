/*
 * The strategy `a-opt`: A-optimality, greedy on trace(M^-1), the sum of the variances of the
 * coefficients beta (Kiefer, Optimum Experimental Designs, JRSS B 1959).
 */
#include "trace_reduction.h"

int fi_choose_a_opt(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    return fi_choose_by_trace(problem, NULL, k, batch, count);
}
