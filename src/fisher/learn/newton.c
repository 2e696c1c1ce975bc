/* Newton's method with step halving. */
#include "newton.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <string.h>

enum { HALVINGS = 60 };

/* The rounding of J, as a share of it. Near the minimum a step may seem to raise J by this much. */
#define ROUNDING 1e-12

void fi_newton_clear(fi_newton *state) {
    fi_likelihood_clear(&state->likelihood);
    free(state->mean);
    free(state->offset);
    free(state->pull);
    free(state->beta);
    free(state->next);
    free(state->direction);
    fi_information_free(state->information);
    fi_factor_free(state->factor);
}

static bool is_finite(size_t count, const double *values) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

static bool is_prior(const fi_refit_options *options, size_t h) {
    const fi_information *known = options->prior_information;
    return (!options->prior_mean || is_finite(h, options->prior_mean)) &&
           (!known || (known->n == h && is_finite(h * h, known->matrix)));
}

int fi_newton_init(fi_newton *state, size_t n_items, size_t n_features, const float *features,
                   const fi_answers *answers, const double *start) {
    int r = fi_likelihood_init(&state->likelihood, n_items, n_features, features, answers);
    if (r)
        return r;
    if (!is_prior(state->options, n_features))
        return -EINVAL;
    state->h = n_features;
    state->mean = calloc(n_features, sizeof(*state->mean));
    state->offset = calloc(n_features, sizeof(*state->offset));
    state->pull = calloc(n_features, sizeof(*state->pull));
    state->beta = calloc(n_features, sizeof(*state->beta));
    state->next = calloc(n_features, sizeof(*state->next));
    state->direction = calloc(n_features, sizeof(*state->direction));
    if (!state->mean || !state->offset || !state->pull || !state->beta || !state->next ||
        !state->direction)
        return -ENOMEM;
    if (state->options->prior_mean)
        memcpy(state->mean, state->options->prior_mean, n_features * sizeof(*state->mean));
    memcpy(state->beta, start, n_features * sizeof(*start));
    state->at_mean = fi_likelihood_evaluate(&state->likelihood, state->mean);
    return 0;
}

/* Returns J(beta), and sets the pull. */
static double evaluate(fi_newton *state, const double *beta) {
    const fi_information *known = state->options->prior_information;
    int h = (int)state->h;
    for (size_t j = 0; j < state->h; j++) {
        state->offset[j] = beta[j] - state->mean[j];
        state->pull[j] = state->precision * state->offset[j];
    }
    if (known)
        cblas_dsymv(CblasRowMajor, CblasUpper, h, 1.0, known->matrix, h, state->offset, 1, 1.0,
                    state->pull, 1);
    state->loss = fi_likelihood_evaluate(&state->likelihood, beta);
    return state->loss + cblas_ddot(h, state->offset, 1, state->pull, 1) / 2.0;
}

/* Starts from m if beta has a larger J. */
static void start(fi_newton *state) {
    state->objective = evaluate(state, state->beta);
    if (state->objective <= state->at_mean)
        return;
    memcpy(state->beta, state->mean, state->h * sizeof(*state->beta));
    state->objective = evaluate(state, state->beta);
}

static int find_curvature(fi_newton *state) {
    fi_information_free(FD_STEAL(state->information));
    fi_factor_free(FD_STEAL(state->factor));
    int r = fi_information_new(state->h, &state->information);
    if (r == 0 && state->options->prior_information)
        fi_information_merge(state->information, state->options->prior_information);
    if (r == 0)
        r = fi_information_add_weighted(state->information, state->likelihood.distinct,
                                        state->likelihood.weights);
    if (r == 0)
        r = fi_factor_new_raised(state->information, state->precision, &state->factor);
    return r;
}

/* direction = -H^-1 gradient. Returns -gradient' direction, twice the expected fall of J. */
static double find_direction(fi_newton *state) {
    int h = (int)state->h;
    for (size_t j = 0; j < state->h; j++)
        state->direction[j] = -state->pull[j];
    fi_likelihood_add_gradient(&state->likelihood, 1.0, state->direction);
    cblas_dtrsv(CblasRowMajor, CblasUpper, CblasTrans, CblasNonUnit, h, state->factor->upper, h,
                state->direction, 1);
    double decrement = cblas_ddot(h, state->direction, 1, state->direction, 1);
    cblas_dtrsv(CblasRowMajor, CblasUpper, CblasNoTrans, CblasNonUnit, h, state->factor->upper, h,
                state->direction, 1);
    return decrement;
}

/* Takes a step along the direction, and halves it until J falls. */
static int descend(fi_newton *state) {
    double scale = 1.0;
    for (int i = 0; i < HALVINGS; i++, scale /= 2.0) {
        for (size_t j = 0; j < state->h; j++)
            state->next[j] = state->beta[j] + scale * state->direction[j];
        double objective = evaluate(state, state->next);
        if (objective <= state->objective * (1.0 + ROUNDING)) {
            memcpy(state->beta, state->next, state->h * sizeof(*state->beta));
            state->objective = objective;
            state->steps++;
            return 0;
        }
    }
    return -EDOM;
}

static int go_on(const fi_refit_options *options) {
    return !options->go_on || options->go_on(options->context) ? 0 : -ECANCELED;
}

/* The last step is within the tolerance but is still taken, because the error after it is the
 * square of the error before it. The curvature stays that of before the last step. */
int fi_newton_minimise(fi_newton *state, double precision) {
    state->precision = precision;
    start(state);
    for (uint32_t left = state->options->iterations;; left--) {
        int r = go_on(state->options);
        if (r == 0)
            r = find_curvature(state);
        if (r)
            return r;
        double fall = find_direction(state) / 2.0;
        state->converged = fall <= state->options->tolerance;
        if (left == 0)
            return 0;
        r = descend(state);
        if (r || state->converged)
            return r;
    }
}
