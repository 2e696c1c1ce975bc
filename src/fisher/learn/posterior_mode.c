/* Newton's method with step halving, under a prior that is the same for no two coefficients. */
#include "posterior_mode.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <string.h>

enum { HALVINGS = 60 };

/* The rounding of J, as a share of it. Near the minimum a step may seem to raise J by this much. */
#define ROUNDING 1e-12

void fi_posterior_mode_clear(fi_posterior_mode *mode) {
    fi_likelihood_clear(&mode->likelihood);
    free(mode->mean);
    free(mode->precisions);
    free(mode->beta);
    free(mode->next);
    free(mode->direction);
    fi_information_free(mode->information);
    fi_factor_free(mode->factor);
}

int fi_posterior_mode_init(fi_posterior_mode *mode, size_t n_items, size_t n_features,
                           const float *features, const fi_answers *answers) {
    int r = fi_likelihood_init(&mode->likelihood, n_items, n_features, features, answers);
    if (r)
        return r;
    size_t p = mode->p = mode->likelihood.p;
    if (p > FI_WIDTH_MAX)
        return -EINVAL;
    mode->mean = calloc(p, sizeof(*mode->mean));
    mode->precisions = calloc(p, sizeof(*mode->precisions));
    mode->beta = calloc(p, sizeof(*mode->beta));
    mode->next = calloc(p, sizeof(*mode->next));
    mode->direction = calloc(p, sizeof(*mode->direction));
    if (!mode->mean || !mode->precisions || !mode->beta || !mode->next || !mode->direction)
        return -ENOMEM;
    return 0;
}

/* Returns J(beta). */
static double evaluate(fi_posterior_mode *mode, const double *beta) {
    double penalty = 0.0;
    for (size_t j = 0; j < mode->p; j++) {
        double offset = beta[j] - mode->mean[j];
        penalty += mode->precisions[j] * offset * offset;
    }
    mode->loss = fi_likelihood_evaluate(&mode->likelihood, beta);
    return mode->share * mode->loss + penalty / 2.0;
}

/* Starts from the prior's mean if beta has a larger J, or is not finite. */
static void start(fi_posterior_mode *mode) {
    double at_mean = evaluate(mode, mode->mean);
    mode->objective = evaluate(mode, mode->beta);
    if (mode->objective <= at_mean)
        return;
    memcpy(mode->beta, mode->mean, mode->p * sizeof(*mode->beta));
    mode->objective = evaluate(mode, mode->beta);
}

/* The factor of I + diagonal; the diagonal is raised if rounding loses it. */
static int factor_with(const fi_information *information, const double *diagonal, fi_factor **ret) {
    size_t p = information->n;
    FD_CLEANUP(fi_information_freep) fi_information *sum = NULL;
    int r = fi_information_copy(information, &sum);
    if (r)
        return r;
    double least = diagonal[0];
    for (size_t j = 1; j < p; j++)
        least = fmin(least, diagonal[j]);
    for (size_t j = 0; j < p; j++)
        sum->matrix[j * p + j] += diagonal[j] - least;
    return fi_factor_new_raised(sum, least, ret);
}

static int find_curvature(fi_posterior_mode *mode) {
    fi_information_free(FD_STEAL(mode->information));
    fi_factor_free(FD_STEAL(mode->factor));
    int r = fi_information_new(mode->p, &mode->information);
    if (r == 0)
        r = fi_likelihood_add_information(&mode->likelihood, mode->share, mode->information);
    return r ? r : factor_with(mode->information, mode->precisions, &mode->factor);
}

/* direction = -H^-1 gradient. Returns -gradient' direction, twice the expected fall of J. */
static double find_direction(fi_posterior_mode *mode) {
    int p = (int)mode->p;
    for (size_t j = 0; j < mode->p; j++)
        mode->direction[j] = -mode->precisions[j] * (mode->beta[j] - mode->mean[j]);
    fi_likelihood_add_gradient(&mode->likelihood, mode->share, mode->direction);
    cblas_dtrsv(CblasRowMajor, CblasUpper, CblasTrans, CblasNonUnit, p, mode->factor->upper, p,
                mode->direction, 1);
    double decrement = cblas_ddot(p, mode->direction, 1, mode->direction, 1);
    cblas_dtrsv(CblasRowMajor, CblasUpper, CblasNoTrans, CblasNonUnit, p, mode->factor->upper, p,
                mode->direction, 1);
    return decrement;
}

/* Takes a step along the direction, and halves it until J falls. */
static int descend(fi_posterior_mode *mode) {
    double scale = 1.0;
    for (int i = 0; i < HALVINGS; i++, scale /= 2.0) {
        for (size_t j = 0; j < mode->p; j++)
            mode->next[j] = mode->beta[j] + scale * mode->direction[j];
        double objective = evaluate(mode, mode->next);
        if (objective <= mode->objective * (1.0 + ROUNDING)) {
            memcpy(mode->beta, mode->next, mode->p * sizeof(*mode->beta));
            mode->objective = objective;
            mode->steps++;
            return 0;
        }
    }
    return -EDOM;
}

static int go_on(const fi_last_layer_options *options) {
    return !options->go_on || options->go_on(options->context) ? 0 : -ECANCELED;
}

/* The last step is within the tolerance but is still taken, because the error after it is the
 * square of the error before it. The curvature stays that of before the last step. */
int fi_posterior_mode_find(fi_posterior_mode *mode) {
    start(mode);
    for (uint32_t left = mode->options->iterations;; left--) {
        int r = go_on(mode->options);
        if (r == 0)
            r = find_curvature(mode);
        if (r)
            return r;
        double fall = find_direction(mode) / 2.0;
        mode->converged = fall <= mode->options->tolerance;
        if (left == 0)
            return 0;
        r = descend(mode);
        if (r || mode->converged)
            return r;
    }
}
