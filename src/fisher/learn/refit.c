/* Fits the last layer at one prior precision, at the best of a grid, or at that of the evidence. */
#include <cblas.h>
#include <errno.h>
#include <fisher/refit.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "newton.h"

enum { FITS = 30 };

/* A precision has settled when it changes by a smaller share than this. */
#define SETTLED 1e-3

/* A Newton step on log lambda may be this long, or as long as the step of the fixed point. */
#define STEP_MAX 2.0

/* The shape a of the prior of lambda. */
#define SHAPE 1.0

static bool is_precision(double value) {
    return value > 0.0 && isfinite(value);
}

static bool has_prior(const fi_refit_options *options) {
    return options->prior_mean || options->prior_information;
}

static fi_refit_result describe(const fi_newton *state, double logdet_before) {
    double logdet = fi_factor_logdet(state->factor);
    return (fi_refit_result){
        .iterations = state->steps,
        .loss = state->loss / (double)state->likelihood.distinct->n_pairs,
        .log_evidence = -state->objective + (logdet_before - logdet) / 2.0,
        .logdet = logdet,
        .converged = state->converged,
    };
}

/* log det A without P */
static double plain_logdet(const fi_newton *state) {
    return (double)state->h * log(state->precision);
}

/* log det A */
static int prior_logdet(const fi_newton *state, double *ret) {
    *ret = plain_logdet(state);
    if (!state->options->prior_information)
        return 0;
    FD_CLEANUP(fi_factor_freep) fi_factor *factor = NULL;
    int r = fi_factor_new_raised(state->options->prior_information, state->precision, &factor);
    if (r == 0)
        *ret = fi_factor_logdet(factor);
    return r;
}

fi_refit_options fi_refit_defaults(void) {
    return (fi_refit_options){.prior_precision = 1.0, .iterations = 30, .tolerance = 1e-12};
}

int fi_refit(size_t n_items, size_t n_features, const float *features, const fi_answers *answers,
             const fi_refit_options *options, double *beta, fi_refit_result *ret) {
    if (!is_precision(options->prior_precision))
        return -EINVAL;
    FD_CLEANUP(fi_newton_clear) fi_newton state = {.options = options};
    int r = fi_newton_init(&state, n_items, n_features, features, answers, beta);
    if (r == 0)
        r = fi_newton_minimise(&state, options->prior_precision);
    double before;
    if (r == 0)
        r = prior_logdet(&state, &before);
    if (r)
        return r;
    memcpy(beta, state.beta, n_features * sizeof(*beta));
    *ret = describe(&state, before);
    return 0;
}

/* ---- the precision by a grid ---- */

static int descending(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a < b) - (a > b);
}

static int sort_grid(const double *grid, size_t n_grid, double **ret) {
    if (n_grid == 0)
        return -EINVAL;
    for (size_t i = 0; i < n_grid; i++)
        if (!is_precision(grid[i]))
            return -EINVAL;
    double *sorted = reallocarray(NULL, n_grid, sizeof(*sorted));
    if (!sorted)
        return -ENOMEM;
    memcpy(sorted, grid, n_grid * sizeof(*sorted));
    qsort(sorted, n_grid, sizeof(*sorted), descending);
    *ret = sorted;
    return 0;
}

int fi_refit_best(size_t n_items, size_t n_features, const float *features,
                  const fi_answers *answers, const double *grid, size_t n_grid,
                  const fi_answers *held_out, const fi_refit_options *options, double *beta,
                  double *ret_precision, fi_refit_result *ret) {
    FD_CLEANUP(fi_newton_clear) fi_newton state = {.options = options};
    FD_CLEANUP(fi_likelihood_clear) fi_likelihood held_out_likelihood = {0};
    FD_FREE double *sorted = NULL;
    bool by_held_out = held_out && held_out->count > 0;
    if (has_prior(options))
        return -EINVAL;
    int r = sort_grid(grid, n_grid, &sorted);
    if (r == 0)
        r = fi_newton_init(&state, n_items, n_features, features, answers, beta);
    if (r == 0 && by_held_out)
        r = fi_likelihood_init(&held_out_likelihood, n_items, n_features, features, held_out);
    if (r)
        return r;
    FD_FREE double *best = calloc(n_features, sizeof(*best));
    if (!best)
        return -ENOMEM;

    double best_score = 0.0, best_precision = 0.0;
    fi_refit_result best_result = {0};
    for (size_t i = 0; i < n_grid; i++) {
        r = fi_newton_minimise(&state, sorted[i]);
        if (r)
            return r;
        fi_refit_result result = describe(&state, plain_logdet(&state));
        double score = by_held_out ? -fi_likelihood_evaluate(&held_out_likelihood, state.beta)
                                   : result.log_evidence;
        if (i == 0 || score > best_score) {
            best_score = score;
            best_precision = sorted[i];
            best_result = result;
            memcpy(best, state.beta, n_features * sizeof(*best));
        }
    }
    memcpy(beta, best, n_features * sizeof(*beta));
    *ret_precision = best_precision;
    *ret = best_result;
    ret->iterations = state.steps;
    return 0;
}

/* ---- the precision by the evidence ---- */

/* Computes gamma = h - lambda trace(H^-1) as the trace of S = H^-1 I, in which nothing cancels, and
 * its fall -d gamma / d log lambda = trace(S) - trace(S^2) with fixed v. */
static int count_determined(const fi_newton *state, double *ret_count, double *ret_fall) {
    size_t h = state->h;
    FD_FREE double *shares = calloc(h * h, sizeof(*shares));
    if (!shares)
        return -ENOMEM;
    memcpy(shares, state->information->matrix, h * h * sizeof(*shares));
    if (LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', (int)h, (int)h, state->factor->upper, (int)h,
                            shares, (int)h) != 0)
        return -EDOM;
    double count = 0.0, squares = 0.0;
    for (size_t i = 0; i < h; i++) {
        count += shares[i * h + i];
        squares += cblas_ddot((int)h, shares + i, (int)h, shares + i * h, 1);
    }
    *ret_count = count;
    *ret_fall = count - squares;
    return 0;
}

static double within_limits(double precision) {
    return fmin(fmax(precision, FI_PRECISION_LEAST), FI_PRECISION_MOST);
}

/* The latest log lambda that was too low, and too high: the root lies between them. */
typedef struct bracket {
    double low, high;
} bracket;

/*
 * One Newton step on x = log lambda towards the root of f(x) = log(count / length) - x, with
 * count = gamma + 2 a, length = |beta|^2 + 2 a / g and d beta / d lambda = -H^-1 beta. The plain
 * fixed point lambda = count / length is the same step with -f' = 1. It converges slowly if the
 * answers are little more than noise. v moves too, so a step may go too far, and the next one as
 * far back: no step goes beyond the middle of the bracket, of which lambda is one end.
 *
 * f is not clipped to the limits. At a limit with the root beyond it, the sign of a rounding error
 * would then decide which way to go.
 */
static int next_precision(const fi_newton *state, bracket *known, double *ret) {
    double guess = state->options->prior_guess, lambda = state->precision;
    double length = cblas_ddot((int)state->h, state->beta, 1, state->beta, 1);
    double count, fall;
    int r = count_determined(state, &count, &fall);
    if (r)
        return r;
    if (guess > 0.0) {
        count += 2.0 * SHAPE;
        length += 2.0 * SHAPE / guess;
    }
    if (length <= 0.0 || count <= 0.0) {
        *ret = FI_PRECISION_MOST;
        return 0;
    }
    double f = log(count) - log(length) - log(lambda);
    double shortening = 2.0 * lambda * fi_factor_leverage(state->factor, state->beta);
    double slope = 1.0 + fall / count - shortening / length; /* -f' */
    double longest = fmax(fabs(f), STEP_MAX);
    double step = slope * longest > fabs(f) ? f / slope : copysign(longest, f);
    *(f < 0.0 ? &known->high : &known->low) = log(lambda);
    double middle = fmax((known->high - known->low) / 2.0, 0.0);
    *ret = within_limits(lambda * exp(copysign(fmin(fabs(step), middle), step)));
    return 0;
}

int fi_refit_evidence(size_t n_items, size_t n_features, const float *features,
                      const fi_answers *answers, const fi_refit_options *options, double *beta,
                      double *precision, fi_refit_result *ret) {
    if (!is_precision(*precision) || has_prior(options) ||
        !(options->prior_guess == 0.0 || is_precision(options->prior_guess)))
        return -EINVAL;
    FD_CLEANUP(fi_newton_clear) fi_newton state = {.options = options};
    int r = fi_newton_init(&state, n_items, n_features, features, answers, beta);
    if (r)
        return r;
    bool settled = false;
    bracket known = {-INFINITY, INFINITY};
    double next = within_limits(*precision);
    for (int i = 0; i < FITS && !settled; i++) {
        r = fi_newton_minimise(&state, next);
        if (r == 0)
            r = next_precision(&state, &known, &next);
        if (r)
            return r;
        settled = fabs(next / state.precision - 1.0) <= SETTLED;
    }
    memcpy(beta, state.beta, n_features * sizeof(*beta));
    *precision = state.precision;
    *ret = describe(&state, plain_logdet(&state));
    ret->converged = settled && state.converged;
    return 0;
}
