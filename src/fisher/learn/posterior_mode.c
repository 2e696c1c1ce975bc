/* Newton's method with step halving, under a prior that is the same for no two coefficients. */
#include "posterior_mode.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <string.h>

enum { HALVINGS = 60 };

/* The rounding of J, as a share of it. Near the minimum a step may seem to raise J by this much. */
#define ROUNDING 1e-12

/* With the I of an earlier beta, a step shall leave no more than this share of the fall. */
#define FALL_MOST 0.02

/* Nats: a step that lowers J by no more does not change I. */
#define FALL_NONE 1e-14

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

/* J(beta), with the loss there. */
static double objective_at(const fi_posterior_mode *mode, const double *beta) {
    double penalty = 0.0;
    for (size_t j = 0; j < mode->p; j++) {
        double offset = beta[j] - mode->mean[j];
        penalty += mode->precisions[j] * offset * offset;
    }
    return mode->share * mode->loss + penalty / 2.0;
}

static double evaluate(fi_posterior_mode *mode, const double *beta) {
    mode->is_evaluated = beta == mode->beta;
    mode->loss = fi_likelihood_evaluate(&mode->likelihood, beta);
    return objective_at(mode, beta);
}

/* Starts from the prior's mean if beta has a larger J, or is not finite; what an earlier search
 * found is better. */
static void start(fi_posterior_mode *mode) {
    double at_mean = mode->information ? INFINITY : evaluate(mode, mode->mean);
    mode->objective =
        mode->is_evaluated ? objective_at(mode, mode->beta) : evaluate(mode, mode->beta);
    if (isfinite(mode->objective) && mode->objective <= at_mean)
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

static int find_factor(fi_posterior_mode *mode) {
    fi_factor_free(FD_STEAL(mode->factor));
    return factor_with(mode->information, mode->precisions, &mode->factor);
}

/* I at the beta that was evaluated last. */
static int find_information(fi_posterior_mode *mode) {
    fi_information_free(FD_STEAL(mode->information));
    mode->is_exact = true;
    int r = fi_information_new(mode->p, &mode->information);
    return r ? r : fi_likelihood_add_information(&mode->likelihood, mode->share, mode->information);
}

int fi_posterior_mode_find_curvature(fi_posterior_mode *mode) {
    int r = find_information(mode);
    return r ? r : find_factor(mode);
}

int fi_posterior_mode_begin(fi_posterior_mode *mode) {
    start(mode);
    return find_information(mode);
}

void fi_posterior_mode_set_share(fi_posterior_mode *mode, double share) {
    if (mode->information)
        fi_information_scale(mode->information, share / mode->share);
    mode->share = share;
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
            mode->is_evaluated = true;
            mode->steps++;
            return 0;
        }
    }
    return -EDOM;
}

static int go_on(const fi_last_layer_options *options) {
    return !options->go_on || options->go_on(options->context) ? 0 : -ECANCELED;
}

/* Finds the direction, by I at beta if the last step left more than it should of the fall. */
static int find_next(fi_posterior_mode *mode, double tolerance, double before, double *ret_fall) {
    *ret_fall = find_direction(mode) / 2.0;
    if (*ret_fall <= tolerance || *ret_fall <= FALL_MOST * before)
        return 0;
    int r = fi_posterior_mode_find_curvature(mode);
    if (r == 0)
        *ret_fall = find_direction(mode) / 2.0;
    return r;
}

/* The last step is within the tolerance but is still taken, because the error after it is much
 * smaller than that before it. */
int fi_posterior_mode_find(fi_posterior_mode *mode, double tolerance) {
    start(mode);
    double fall = INFINITY;
    int r = mode->information ? find_factor(mode) : fi_posterior_mode_find_curvature(mode);
    for (uint32_t left = mode->options->iterations; r == 0; left--) {
        r = go_on(mode->options);
        if (r == 0)
            r = find_next(mode, tolerance, fall, &fall);
        if (r)
            return r;
        mode->converged = fall <= tolerance;
        mode->is_exact = mode->is_exact && fall <= FALL_NONE;
        if (left == 0)
            return 0;
        r = descend(mode);
        if (r || mode->converged)
            return r;
    }
    return r;
}
