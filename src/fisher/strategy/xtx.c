/* The strategy `xtx`: the classical D-optimal design of a linear model, where all pairs weigh the
 * same. */
#include "gradient_scores.h"

int fi_choose_xtx(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    return fi_choose_by_gradient(problem, NULL, NULL, k, batch, count);
}

int fi_choose_xtx_from_pool(const fi_pool_problem *problem, size_t k, fi_pair *batch,
                            size_t *count) {
    return fi_choose_by_gradient_from_pool(problem, true, NULL, k, batch, count);
}
