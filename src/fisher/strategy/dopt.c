#include "strategy.h"

int fi_choose_dopt(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    return fi_choose_by_gradient(problem, problem->weights, NULL, k, batch, count);
}
