/* The strategy `pa-dopt`: dopt with the information of past pairs (Shen, Sun and Ton, ICML 2025).
 */
#include "gradient_scores.h"

int fi_choose_pa_dopt(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    return fi_choose_by_gradient(problem, problem->weights, problem->past, k, batch, count);
}

int fi_choose_pa_dopt_from_pool(const fi_pool_problem *problem, size_t k, fi_pair *batch,
                                size_t *count) {
    return fi_choose_by_gradient_from_pool(problem, problem->view->weigh_alike, problem->past, k,
                                           batch, count);
}
