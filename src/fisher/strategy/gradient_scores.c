/* Computes gradient scores, and chooses by them. */
#include "gradient_scores.h"

#include <errno.h>

#include "pool_information.h"
#include "take_largest.h"
#include "whitening.h"

/* The paper adds this to the diagonal of the information (eq. 8). */
#define SCORE_RIDGE 1e-6

int fi_gradient_scores(const fi_distinct_items *distinct, const double *weights,
                       const fi_information *past, double *scores) {
    FD_CLEANUP(fi_information_freep) fi_information *information = NULL;
    int r = fi_information_new(distinct->n_features, &information);
    if (r)
        return r;
    r = fi_information_add_weighted(information, distinct, weights);
    if (r)
        return r;
    if (past)
        fi_information_merge(information, past);

    FD_CLEANUP(fi_factor_freep) fi_factor *factor = NULL;
    r = fi_factor_new_raised(information, SCORE_RIDGE, &factor);
    if (r)
        return r;
    FD_FREE float *whitened = calloc(distinct->n_items, distinct->n_features * sizeof(*whitened));
    if (!whitened)
        return -ENOMEM;
    r = fi_whiten(factor, distinct, whitened);
    if (r)
        return r;
    fi_whitened_leverages(distinct, whitened, scores);
    for (size_t i = 0; weights && i < distinct->n_pairs; i++)
        scores[i] *= weights[i];
    return 0;
}

int fi_choose_by_gradient(const fi_problem *problem, const double *weights,
                          const fi_information *past, size_t k, uint32_t *batch, size_t *count) {
    FD_FREE double *scores = calloc(problem->distinct->n_pairs, sizeof(*scores));
    if (!scores)
        return -ENOMEM;
    int r = fi_gradient_scores(problem->distinct, weights, past, scores);
    return r ? r : fi_take_largest(problem, scores, k, batch, count);
}

int fi_choose_by_gradient_from_pool(const fi_pool_problem *problem, bool unit,
                                    const fi_information *past, size_t k, fi_pair *batch,
                                    size_t *count) {
    FD_CLEANUP(fi_information_freep) fi_information *information = NULL;
    FD_CLEANUP(fi_factor_freep) fi_factor *factor = NULL;
    int r = fi_information_new(problem->view->distinct->n_features, &information);
    if (r == 0)
        r = fi_pool_add_information(problem->view, unit, information);
    if (r)
        return r;
    if (past)
        fi_information_merge(information, past);
    r = fi_factor_new_raised(information, SCORE_RIDGE, &factor);
    return r ? r
             : fi_take_largest_from_pool(problem, unit ? FI_KEY_LEVERAGE : FI_KEY_INFORMATION,
                                         factor, k, batch, count);
}
