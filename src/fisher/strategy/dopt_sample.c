/*
 * The strategy `dopt-sample`: the probabilistic variant of pa-dopt (Shen, Sun and Ton, ICML 2025,
 * end of section 3.2). It draws pairs without replacement with probability proportional to the
 * gradient score with past information,
 *
 *     v d' (sum over the candidates of v d d' + I_past + 1e-6 identity)^-1 d
 *
 * because the pairs with the largest scores are often near-copies of each other.
 */
#include <errno.h>

#include "cancellation.h"
#include "gradient_scores.h"
#include "weighted_draw.h"

int fi_choose_dopt_sample(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    FD_FREE double *scores = calloc(problem->distinct->n_pairs, sizeof(*scores));
    if (!scores)
        return -ENOMEM;
    int r = fi_gradient_scores(problem->distinct, problem->weights, problem->past, scores);
    if (r == 0)
        r = fi_go_on(problem->options, 0.5);
    return r ? r : fi_weighted_draw(problem, scores, k, batch, count);
}
