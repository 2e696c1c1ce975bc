#include <cblas.h>
#include <errno.h>
#include <fisher/refit.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "design_private.h"

enum { HALVINGS = 60, FITS = 30 };

/* Rounding of J, as a share of it: near the minimum a step may seem to raise it by that. */
#define ROUNDING 1e-12

/* A precision has settled when it changes by a smaller share. */
#define SETTLED 1e-3

/* Where lambda follows from little, it changes by no more than a factor of e^LEAP, or as the fixed
 * point says. */
#define LEAP 2.0

/* The shape a of the prior of lambda. */
#define SHAPE 1.0

/* ---- answers at some beta ---- */

typedef struct answered {
    fi_distinct *distinct;
    const float *targets; /* [n_pairs] */
    double *block;        /* [FI_BLOCK_ROWS x h] centred features */
    double *rewards;      /* [m] features beta, up to a constant */
    double *slopes;       /* [m] sum of t - p, with the sign of the item's side */
    double *weights;      /* [n_pairs] v */
} answered;

static void answered_clear(answered *these) {
    fi_distinct_free(these->distinct);
    free(these->block);
    free(these->rewards);
    free(these->slopes);
    free(these->weights);
}

static bool are_targets(const fi_answers *answers) {
    for (size_t i = 0; i < answers->count; i++)
        if (!(answers->targets[i] >= 0.0f && answers->targets[i] <= 1.0f))
            return false;
    return answers->count > 0;
}

static bool are_finite(const fi_distinct *distinct) {
    size_t h = distinct->n_features;
    for (size_t i = 0; i < distinct->n_items; i++)
        for (size_t j = 0; j < h; j++)
            if (!isfinite(distinct->features[distinct->rows[i] * h + j]))
                return false;
    return true;
}

static int answered_init(answered *these, size_t n_items, size_t n_features, const float *features,
                         const fi_answers *answers) {
    if (!are_targets(answers))
        return -EINVAL;
    fi_candidates pairs = {.n_items = n_items,
                           .n_features = n_features,
                           .n_pairs = answers->count,
                           .features = features,
                           .pairs = answers->pairs};
    int r = fi_distinct_new(&pairs, &these->distinct);
    if (r)
        return r;
    if (!are_finite(these->distinct))
        return -EINVAL;
    size_t m = these->distinct->n_items;
    these->targets = answers->targets;
    these->block = calloc(FI_BLOCK_ROWS * n_features, sizeof(*these->block));
    these->rewards = calloc(m, sizeof(*these->rewards));
    these->slopes = calloc(m, sizeof(*these->slopes));
    these->weights = calloc(answers->count, sizeof(*these->weights));
    if (!these->block || !these->rewards || !these->slopes || !these->weights)
        return -ENOMEM;
    return 0;
}

/* Fills the block with the next of m rows; 0 after the last. */
static size_t next_block(const answered *these, size_t first) {
    size_t left = these->distinct->n_items - first;
    size_t count = left < FI_BLOCK_ROWS ? left : FI_BLOCK_ROWS;
    fi_distinct_block(these->distinct, first, count, these->block);
    return count;
}

static void find_rewards(answered *these, const double *beta) {
    int h = (int)these->distinct->n_features;
    for (size_t first = 0, count; (count = next_block(these, first)) > 0; first += count)
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)count, h, 1.0, these->block, h, beta, 1, 0.0,
                    these->rewards + first, 1);
}

/* The sum of the losses at beta; rewards, slopes and weights are those of beta from then on. */
static double look(answered *these, const double *beta) {
    const fi_distinct *distinct = these->distinct;
    double loss = 0.0;
    find_rewards(these, beta);
    memset(these->slopes, 0, distinct->n_items * sizeof(*these->slopes));
    for (size_t i = 0; i < distinct->n_pairs; i++) {
        fi_pair pair = distinct->pairs[i];
        double target = (double)these->targets[i];
        double logit = these->rewards[pair.a] - these->rewards[pair.b];
        /* p and 1 - p, each with all its digits */
        double e = exp(-fabs(logit));
        double more = 1.0 / (1.0 + e), less = e * more;
        double p = logit >= 0.0 ? more : less, not_p = logit >= 0.0 ? less : more;
        double slope = target * not_p - (1.0 - target) * p;
        these->slopes[pair.a] += slope;
        these->slopes[pair.b] -= slope;
        these->weights[i] = more * less;
        loss += fmax(logit, 0.0) + log1p(e) - target * logit;
    }
    return loss;
}

/* gradient [h] += sum of (t - p) d */
static void add_gradient(answered *these, double *gradient) {
    int h = (int)these->distinct->n_features;
    for (size_t first = 0, count; (count = next_block(these, first)) > 0; first += count)
        cblas_dgemv(CblasRowMajor, CblasTrans, (int)count, h, 1.0, these->block, h,
                    these->slopes + first, 1, 1.0, gradient, 1);
}

/* ---- Newton's method ---- */

typedef struct newton {
    const fi_refit_options *options;
    answered answered; /* looked at beta last */
    size_t h;
    double precision;
    double objective;  /* J */
    double loss;       /* the sum in J */
    double at_mean;    /* J there */
    double *mean;      /* [h] m */
    double *offset;    /* [h] beta - m */
    double *pull;      /* [h] A (beta - m) */
    double *beta;      /* [h] */
    double *trial;     /* [h] */
    double *direction; /* [h] */
    fi_information *information;
    fi_factor *factor; /* of H */
    uint32_t steps;
    bool converged;
} newton;

static void newton_clear(newton *state) {
    answered_clear(&state->answered);
    free(state->mean);
    free(state->offset);
    free(state->pull);
    free(state->beta);
    free(state->trial);
    free(state->direction);
    fi_information_free(state->information);
    fi_factor_free(state->factor);
}

static bool is_precision(double value) {
    return value > 0.0 && isfinite(value);
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

static int newton_init(newton *state, size_t n_items, size_t n_features, const float *features,
                       const fi_answers *answers, const double *start) {
    int r = answered_init(&state->answered, n_items, n_features, features, answers);
    if (r)
        return r;
    if (!is_prior(state->options, n_features))
        return -EINVAL;
    state->h = n_features;
    state->mean = calloc(n_features, sizeof(*state->mean));
    state->offset = calloc(n_features, sizeof(*state->offset));
    state->pull = calloc(n_features, sizeof(*state->pull));
    state->beta = calloc(n_features, sizeof(*state->beta));
    state->trial = calloc(n_features, sizeof(*state->trial));
    state->direction = calloc(n_features, sizeof(*state->direction));
    if (!state->mean || !state->offset || !state->pull || !state->beta || !state->trial ||
        !state->direction)
        return -ENOMEM;
    if (state->options->prior_mean)
        memcpy(state->mean, state->options->prior_mean, n_features * sizeof(*state->mean));
    memcpy(state->beta, start, n_features * sizeof(*start));
    state->at_mean = look(&state->answered, state->mean);
    return 0;
}

static double square(const newton *state, const double *vector) {
    return cblas_ddot((int)state->h, vector, 1, vector, 1);
}

/* J, and the pull at beta. */
static double evaluate(newton *state, const double *beta) {
    const fi_information *known = state->options->prior_information;
    int h = (int)state->h;
    for (size_t j = 0; j < state->h; j++) {
        state->offset[j] = beta[j] - state->mean[j];
        state->pull[j] = state->precision * state->offset[j];
    }
    if (known)
        cblas_dsymv(CblasRowMajor, CblasUpper, h, 1.0, known->matrix, h, state->offset, 1, 1.0,
                    state->pull, 1);
    state->loss = look(&state->answered, beta);
    return state->loss + cblas_ddot(h, state->offset, 1, state->pull, 1) / 2.0;
}

static void start(newton *state) {
    state->objective = evaluate(state, state->beta);
    if (state->objective <= state->at_mean)
        return;
    memcpy(state->beta, state->mean, state->h * sizeof(*state->beta));
    state->objective = evaluate(state, state->beta);
}

static int find_curvature(newton *state) {
    fi_information_free(FD_STEAL(state->information));
    fi_factor_free(FD_STEAL(state->factor));
    int r = fi_information_new(state->h, &state->information);
    if (r == 0 && state->options->prior_information)
        fi_information_merge(state->information, state->options->prior_information);
    if (r == 0)
        r = fi_information_add_weighted(state->information, state->answered.distinct,
                                        state->answered.weights);
    if (r == 0)
        r = fi_factor_new_raised(state->information, state->precision, &state->factor);
    return r;
}

/* direction = -H^-1 gradient; returns -gradient' direction, twice the fall of J that it promises.
 */
static double find_direction(newton *state) {
    int h = (int)state->h;
    for (size_t j = 0; j < state->h; j++)
        state->direction[j] = -state->pull[j];
    add_gradient(&state->answered, state->direction);
    cblas_dtrsv(CblasRowMajor, CblasUpper, CblasTrans, CblasNonUnit, h, state->factor->upper, h,
                state->direction, 1);
    double decrement = square(state, state->direction);
    cblas_dtrsv(CblasRowMajor, CblasUpper, CblasNoTrans, CblasNonUnit, h, state->factor->upper, h,
                state->direction, 1);
    return decrement;
}

/* Goes along the direction, half as far while J does not fall. */
static int descend(newton *state) {
    double scale = 1.0;
    for (int i = 0; i < HALVINGS; i++, scale /= 2.0) {
        for (size_t j = 0; j < state->h; j++)
            state->trial[j] = state->beta[j] + scale * state->direction[j];
        double objective = evaluate(state, state->trial);
        if (objective <= state->objective * (1.0 + ROUNDING)) {
            memcpy(state->beta, state->trial, state->h * sizeof(*state->beta));
            state->objective = objective;
            state->steps++;
            return 0;
        }
    }
    return -EDOM;
}

/* The last step, which is within the tolerance, is taken too, for what is left after it is the
 * square of what it mends; the curvature stays that of before it. */
static int minimise(newton *state, double precision) {
    state->precision = precision;
    start(state);
    for (uint32_t left = state->options->iterations;; left--) {
        int r = find_curvature(state);
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

static fi_refit_result describe(const newton *state, double logdet_before) {
    double logdet = fi_factor_logdet(state->factor);
    return (fi_refit_result){
        .iterations = state->steps,
        .loss = state->loss / (double)state->answered.distinct->n_pairs,
        .log_evidence = -state->objective + (logdet_before - logdet) / 2.0,
        .logdet = logdet,
        .converged = state->converged,
    };
}

/* log det A without P */
static double plain_logdet(const newton *state) {
    return (double)state->h * log(state->precision);
}

/* log det A */
static int prior_logdet(const newton *state, double *ret) {
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
    FD_CLEANUP(newton_clear) newton state = {.options = options};
    int r = newton_init(&state, n_items, n_features, features, answers, beta);
    if (r == 0)
        r = minimise(&state, options->prior_precision);
    double before;
    if (r == 0)
        r = prior_logdet(&state, &before);
    if (r)
        return r;
    memcpy(beta, state.beta, n_features * sizeof(*beta));
    *ret = describe(&state, before);
    return 0;
}

static bool has_prior(const fi_refit_options *options) {
    return options->prior_mean || options->prior_information;
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
    FD_CLEANUP(newton_clear) newton state = {.options = options};
    FD_CLEANUP(answered_clear) answered judge = {0};
    FD_FREE double *sorted = NULL;
    bool held = held_out && held_out->count > 0;
    if (has_prior(options))
        return -EINVAL;
    int r = sort_grid(grid, n_grid, &sorted);
    if (r == 0)
        r = newton_init(&state, n_items, n_features, features, answers, beta);
    if (r == 0 && held)
        r = answered_init(&judge, n_items, n_features, features, held_out);
    if (r)
        return r;
    FD_FREE double *best = calloc(n_features, sizeof(*best));
    if (!best)
        return -ENOMEM;

    double best_score = 0.0, best_precision = 0.0;
    fi_refit_result best_result = {0};
    for (size_t i = 0; i < n_grid; i++) {
        r = minimise(&state, sorted[i]);
        if (r)
            return r;
        fi_refit_result result = describe(&state, plain_logdet(&state));
        double score = held ? -look(&judge, state.beta) : result.log_evidence;
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

/* gamma = h - lambda trace(H^-1), as the trace of S = H^-1 I so that nothing cancels, and
 * -d gamma / d log lambda = trace(S) - trace(S^2), v held fixed. */
static int count_determined(const newton *state, double *ret_count, double *ret_fall) {
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

/*
 * One Newton step on x = log lambda towards the root of
 * f(x) = log(gamma + 2 a) - log(|beta|^2 + 2 a / g) - x, where d beta / d lambda = -H^-1 beta.
 * Repeating lambda = (gamma + 2 a) / (|beta|^2 + 2 a / g), which takes -f' for one, creeps where
 * the answers are not much more than noise.
 */
static int next_precision(const newton *state, double *ret) {
    double guess = state->options->prior_guess, lambda = state->precision;
    double length = square(state, state->beta), count, fall;
    int r = count_determined(state, &count, &fall);
    if (r)
        return r;
    double known = guess > 0.0 ? 2.0 * SHAPE : 0.0;
    double whole_length = length + (guess > 0.0 ? known / guess : 0.0);
    double whole_count = count + known;
    double target =
        whole_length > 0.0 ? within_limits(whole_count / whole_length) : FI_PRECISION_MOST;
    double f = log(target / lambda);
    double shortening = 2.0 * lambda * fi_factor_leverage(state->factor, state->beta);
    double slope = whole_length > 0.0 && whole_count > 0.0
                       ? 1.0 + fall / whole_count - shortening / whole_length
                       : 1.0;
    double most = fmax(fabs(f), LEAP);
    double step = slope * most > fabs(f) ? f / slope : copysign(most, f);
    *ret = within_limits(target * exp(step - f));
    return 0;
}

int fi_refit_evidence(size_t n_items, size_t n_features, const float *features,
                      const fi_answers *answers, const fi_refit_options *options, double *beta,
                      double *precision, fi_refit_result *ret) {
    if (!is_precision(*precision) || has_prior(options) ||
        !(options->prior_guess == 0.0 || is_precision(options->prior_guess)))
        return -EINVAL;
    FD_CLEANUP(newton_clear) newton state = {.options = options};
    int r = newton_init(&state, n_items, n_features, features, answers, beta);
    if (r)
        return r;
    bool settled = false;
    double next = within_limits(*precision);
    for (int i = 0; i < FITS && !settled; i++) {
        r = minimise(&state, next);
        if (r == 0)
            r = next_precision(&state, &next);
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
