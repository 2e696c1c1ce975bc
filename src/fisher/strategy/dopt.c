/* The strategy `dopt`: the largest gradients of log det (Shen, Sun and Ton, ICML 2025, eq. 8 to
 * 10). */
#include "gradient_scores.h"

int fi_choose_dopt(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    return fi_choose_by_gradient(problem, problem->weights, NULL, k, batch, count);
}

int fi_choose_dopt_from_pool(const fi_pool_problem *problem, size_t k, fi_pair *batch,
                             size_t *count) {
    return fi_choose_by_gradient_from_pool(problem, problem->view->weigh_alike, NULL, k, batch,
                                           count);
}
