/* Fits a last layer: design effect, precisions by the evidence, and the mean over its models. */
#include <fisher/last_layer.h>

#include <errno.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "block_averaging.h"
#include "design_effect.h"
#include "fitted_layer.h"
#include "posterior_mode.h"

/* The design effect is that of a fit with this many times the guess of the first block: a stiffer
 * prior leaves what the features cannot explain in the errors. */
#define STIFFNESS 8.0

/* A precision has settled when its logarithm changes by no more than this. */
#define SETTLED 1e-4

/* Nats: the tolerance while the precisions still move. */
#define ROUGH 1e-6

/* When its logarithm leaps, and by how much. */
#define RATIO_MOST 0.95
#define LEAP_MOST 1.0

fi_last_layer_options fi_last_layer_defaults(void) {
    return (fi_last_layer_options){
        .side_guess = 4.0, .rounds = 40, .iterations = 30, .tolerance = 1e-12};
}

/* ---- options and result ---- */

static bool is_precision(double value) {
    return value >= FI_PRECISION_LEAST && value <= FI_PRECISION_MOST;
}

static bool are_options(const fi_last_layer_options *options, size_t h) {
    size_t next = 0;
    if (options->n_blocks == 0 || options->n_blocks > FI_BLOCKS_MAX || h == 0 ||
        h >= FI_WIDTH_MAX || !is_precision(options->side_guess) ||
        !(options->design_effect == 0.0 ||
          (options->design_effect >= 1.0 && options->design_effect <= FI_DESIGN_EFFECT_MOST)))
        return false;
    for (size_t g = 0; g < options->n_blocks; g++) {
        if (!fi_block_is_sound(&options->blocks[g]) || options->blocks[g].first != next)
            return false;
        next += options->blocks[g].count;
    }
    return next == h;
}

/* ---- one fit ---- */

struct fit {
    const fi_last_layer_options *options;
    fi_posterior_mode mode;
    double precisions[FI_BLOCKS_MAX + 1]; /* of each block, then of the side */
    double steps[FI_BLOCKS_MAX + 1];      /* the last change of each log, 0: none or a leap */
    double *covariance;                   /* [p x p] H^-1 */
    const fi_last_layer *start;           /* NULL: none that fits */
};

static void fit_clear(struct fit *fit) {
    fi_posterior_mode_clear(&fit->mode);
    free(fit->covariance);
}

/* The block g of the fit: those of the options, then the side if one is known. */
static fi_block block_at(const struct fit *fit, size_t g) {
    const fi_last_layer_options *options = fit->options;
    if (g < options->n_blocks)
        return options->blocks[g];
    return (fi_block){.first = (uint32_t)fit->mode.likelihood.distinct->n_features,
                      .count = 1,
                      .guess = options->side_guess,
                      .shape = 1.0};
}

static size_t block_count(const struct fit *fit) {
    return fit->options->n_blocks + (fit->mode.likelihood.sides ? 1 : 0);
}

/* The earlier fit, if there is one: also after a search under other precisions. */
static void take_start(struct fit *fit) {
    size_t h = fit->mode.likelihood.distinct->n_features;
    if (!fit->start)
        return;
    memcpy(fit->mode.beta, fit->start->start, h * sizeof(*fit->mode.beta));
    if (fit->mode.p > h)
        fit->mode.beta[h] = fit->start->side;
}

static void begin(struct fit *fit, const fi_last_layer *start) {
    size_t h = fit->mode.likelihood.distinct->n_features;
    bool starts = start && start->n_features == h && start->n_blocks == fit->options->n_blocks;
    for (size_t g = 0; g < block_count(fit); g++) {
        fi_block block = block_at(fit, g);
        double from = !starts                      ? 0.0
                      : g < fit->options->n_blocks ? start->precisions[g]
                                                   : start->side_precision;
        fit->precisions[g] = is_precision(from) ? from : block.guess;
        for (size_t j = 0; j < block.count; j++)
            fit->mode.mean[block.first + j] = block.mean;
    }
    memcpy(fit->mode.beta, fit->mode.mean, fit->mode.p * sizeof(*fit->mode.beta));
    fit->start = starts ? start : NULL;
    take_start(fit);
}

static int find_mode(struct fit *fit, const double *precisions, double tolerance) {
    for (size_t g = 0; g < block_count(fit); g++) {
        fi_block block = block_at(fit, g);
        for (size_t j = 0; j < block.count; j++)
            fit->mode.precisions[block.first + j] = precisions[g];
    }
    return fi_posterior_mode_find(&fit->mode, tolerance);
}

/* ---- the design effect ---- */

static int find_design_effect(struct fit *fit, const fi_answers *answers) {
    double stiff[FI_BLOCKS_MAX + 1], effect = fit->options->design_effect;
    fi_posterior_mode_set_share(&fit->mode, 1.0);
    if (effect == 0.0) {
        for (size_t g = 0; g < block_count(fit); g++)
            stiff[g] = block_at(fit, g).guess * (g == 0 ? STIFFNESS : 1.0);
        stiff[0] = fmin(stiff[0], FI_PRECISION_MOST);
        int r = find_mode(fit, stiff, fit->options->tolerance);
        if (r == 0)
            r = fi_posterior_mode_find_curvature(&fit->mode);
        if (r == 0)
            r = fi_design_effect(&fit->mode, answers, &effect);
        if (r < 0)
            return r;
    }
    fi_posterior_mode_set_share(&fit->mode, 1.0 / effect);
    return 0;
}

/* ---- the evidence ---- */

/* H^-1 */
static int invert(struct fit *fit) {
    size_t p = fit->mode.p;
    double *matrix = fit->covariance;
    memcpy(matrix, fit->mode.factor->upper, p * p * sizeof(*matrix));
    /* The upper factor in row-major order is the lower one in column-major order. */
    if (LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'L', (int)p, matrix, (int)p) != 0)
        return -EDOM;
    for (size_t i = 0; i < p; i++)
        for (size_t j = 0; j < i; j++)
            matrix[i * p + j] = matrix[j * p + i];
    return 0;
}

/* gamma_g, as a sum in which nothing cancels */
static double count_determined(const struct fit *fit, const fi_block *block) {
    size_t p = fit->mode.p;
    double sum = 0.0;
    for (size_t j = block->first; j < block->first + block->count; j++)
        for (size_t k = 0; k < p; k++)
            sum += fit->covariance[j * p + k] * fit->mode.information->matrix[j * p + k];
    return sum;
}

static double next_precision(const struct fit *fit, const fi_block *block) {
    double length = 0.0, weight = 2.0 * block->shape;
    if (isinf(block->shape))
        return block->guess;
    for (size_t j = block->first; j < block->first + block->count; j++) {
        double offset = fit->mode.beta[j] - block->mean;
        length += offset * offset;
    }
    double found = (count_determined(fit, block) + weight) / (length + weight / block->guess);
    return fmin(fmax(found, FI_PRECISION_LEAST), FI_PRECISION_MOST);
}

/* The changes of a precision shrink by about the same ratio each time. After two of them, the next
 * one leaps to where their sum would end (Aitken 1926). */
static double leap(struct fit *fit, size_t g, double step) {
    double ratio = fit->steps[g] != 0.0 ? step / fit->steps[g] : 0.0;
    bool leaps = ratio > 0.0 && ratio < RATIO_MOST;
    fit->steps[g] = leaps ? 0.0 : step;
    return leaps ? fmin(fmax(step / (1.0 - ratio), -LEAP_MOST), LEAP_MOST) : step;
}

/* Sets the next precision of each block; whether all of them have settled. */
static bool update_precisions(struct fit *fit) {
    bool settled = true;
    for (size_t g = 0; g < block_count(fit); g++) {
        fi_block block = block_at(fit, g);
        double step = log(next_precision(fit, &block) / fit->precisions[g]);
        settled = settled && fabs(step) <= SETTLED;
        double next = fit->precisions[g] * exp(leap(fit, g, step));
        fit->precisions[g] = fmin(fmax(next, FI_PRECISION_LEAST), FI_PRECISION_MOST);
    }
    return settled;
}

/* The mode under the precisions and H^-1; by I at the mode if `exact`. */
static int find_posterior(struct fit *fit, double tolerance, bool exact) {
    int r = find_mode(fit, fit->precisions, tolerance);
    if (r == 0 && exact && !fit->mode.is_exact)
        r = fi_posterior_mode_find_curvature(&fit->mode);
    return r < 0 ? r : invert(fit);
}

/* Precisions that have settled with the I of an earlier beta go on with that of the mode. They move
 * before each fit but the last, so that the covariance belongs to them; their last move is too
 * small to change I. */
static int find_evidence(struct fit *fit, bool *ret_settled) {
    double tolerance = fit->options->tolerance;
    bool exact = false, settled = false;
    for (uint32_t round = 0; round < fit->options->rounds && !(settled && exact); round++) {
        int r = find_posterior(fit, settled ? tolerance : fmax(tolerance, ROUGH), settled);
        if (r < 0)
            return r;
        exact = fit->mode.is_exact;
        settled = update_precisions(fit);
    }
    *ret_settled = fit->options->rounds == 0 || settled;
    return find_posterior(fit, tolerance, true); /* who fits again finds the same M */
}

/* ---- the result ---- */

static double log_evidence(const struct fit *fit) {
    double prior = 0.0;
    for (size_t j = 0; j < fit->mode.p; j++)
        prior += log(fit->mode.precisions[j]);
    return -fit->mode.objective + (prior - fi_factor_logdet(fit->mode.factor)) / 2.0;
}

static int average(struct fit *fit, fi_last_layer *layer) {
    size_t p = fit->mode.p, h = layer->n_features;
    FD_FREE double *beta = calloc(p, sizeof(*beta));
    FD_FREE double *covariance = calloc(p, p * sizeof(*covariance));
    if (!beta || !covariance)
        return -ENOMEM;
    fi_full_fit full = {.blocks = fit->options->blocks,
                        .n_blocks = fit->options->n_blocks,
                        .p = p,
                        .precisions = fit->precisions,
                        .beta = fit->mode.beta,
                        .covariance = fit->covariance};
    int r = fi_average_blocks(&full, beta, covariance, layer->probabilities);
    if (r < 0)
        return r;
    memcpy(layer->beta, beta, h * sizeof(*beta));
    for (size_t i = 0; i < h; i++)
        memcpy(layer->covariance + i * h, covariance + i * p, h * sizeof(*covariance));
    if (p > h) {
        layer->side = beta[h];
        layer->side_stddev = sqrt(covariance[h * p + h]);
    }
    layer->loss = fi_likelihood_evaluate(&fit->mode.likelihood, beta) /
                  (double)fit->mode.likelihood.distinct->n_pairs;
    return 0;
}

static int describe(struct fit *fit, bool settled, fi_last_layer *layer) {
    size_t h = layer->n_features, n_blocks = layer->n_blocks;
    memcpy(layer->start, fit->mode.beta, h * sizeof(*layer->start));
    memcpy(layer->precisions, fit->precisions, n_blocks * sizeof(*layer->precisions));
    layer->side_precision = fit->mode.p > h ? fit->precisions[n_blocks] : fit->options->side_guess;
    layer->side_stddev = 1.0 / sqrt(fit->options->side_guess);
    layer->design_effect = 1.0 / fit->mode.share;
    layer->iterations = fit->mode.steps;
    layer->converged = settled && fit->mode.converged;
    layer->log_evidence = log_evidence(fit);
    return average(fit, layer);
}

/* What is known before any answer. The means of blocks that may be left out count only in part. */
static int describe_prior(const fi_last_layer_options *options, fi_last_layer *layer) {
    size_t h = layer->n_features;
    FD_FREE double *beta = calloc(h, sizeof(*beta));
    FD_FREE double *covariance = calloc(h, h * sizeof(*covariance));
    if (!beta || !covariance)
        return -ENOMEM;
    for (size_t g = 0; g < options->n_blocks; g++) {
        const fi_block *block = &options->blocks[g];
        layer->precisions[g] = block->guess;
        for (size_t j = block->first; j < block->first + block->count; j++) {
            beta[j] = block->mean;
            covariance[j * h + j] = 1.0 / block->guess;
        }
    }
    memcpy(layer->start, beta, h * sizeof(*beta));
    fi_full_fit full = {options->blocks, options->n_blocks, h, layer->precisions, beta, covariance};
    layer->side_precision = options->side_guess;
    layer->side_stddev = 1.0 / sqrt(options->side_guess);
    layer->design_effect = 1.0;
    layer->loss = NAN;
    layer->converged = true;
    return fi_average_blocks(&full, layer->beta, layer->covariance, layer->probabilities);
}

static int fit_answers(size_t n_items, const float *features, const fi_answers *answers,
                       const fi_last_layer_options *options, const fi_last_layer *start,
                       fi_last_layer *layer) {
    FD_CLEANUP(fit_clear) struct fit fit = {.options = options, .mode.options = options};
    int r = fi_posterior_mode_init(&fit.mode, n_items, layer->n_features, features, answers);
    if (r < 0)
        return r;
    fit.covariance = calloc(fit.mode.p, fit.mode.p * sizeof(*fit.covariance));
    if (!fit.covariance)
        return -ENOMEM;
    begin(&fit, start);
    bool settled;
    r = find_design_effect(&fit, answers);
    take_start(&fit);
    if (r == 0)
        r = find_evidence(&fit, &settled);
    return r < 0 ? r : describe(&fit, settled, layer);
}

int fi_last_layer_fit(size_t n_items, size_t n_features, const float *features,
                      const fi_answers *answers, const fi_last_layer_options *options,
                      const fi_last_layer *start, fi_last_layer **ret) {
    if (!are_options(options, n_features))
        return -EINVAL;
    FD_CLEANUP(fi_last_layer_freep) fi_last_layer *layer = NULL;
    int r = fi_last_layer_new(n_features, options->n_blocks, &layer);
    if (r == 0)
        memcpy(layer->blocks, options->blocks, options->n_blocks * sizeof(*layer->blocks));
    if (r == 0)
        r = answers->count == 0 ? describe_prior(options, layer)
                                : fit_answers(n_items, features, answers, options, start, layer);
    if (r < 0)
        return r;
    *ret = FD_STEAL(layer);
    return 0;
}

int fi_last_layer_information(const fi_last_layer *layer, fi_information **ret) {
    size_t h = layer->n_features;
    FD_CLEANUP(fi_information_freep) fi_information *inverse = NULL;
    int r = fi_information_new(h, &inverse);
    if (r < 0)
        return r;
    memcpy(inverse->matrix, layer->covariance, h * h * sizeof(*inverse->matrix));
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', (int)h, inverse->matrix, (int)h) != 0 ||
        LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'L', (int)h, inverse->matrix, (int)h) != 0)
        return -EDOM;
    for (size_t i = 0; i < h; i++)
        for (size_t j = 0; j < i; j++)
            inverse->matrix[i * h + j] = inverse->matrix[j * h + i];
    *ret = FD_STEAL(inverse);
    return 0;
}

/* ---- mean square ---- */

static double square_of(const float *row, size_t count) {
    double sum = 0.0;
    for (size_t j = 0; j < count; j++)
        sum += (double)row[j] * (double)row[j];
    return sum;
}

double fi_mean_square(size_t n_items, size_t n_features, const float *features,
                      const fi_answers *answers, size_t first, size_t count) {
    double sum = 0.0;
    const float *columns = features + first;
    for (size_t i = 0; i < answers->count; i++)
        sum += square_of(columns + answers->pairs[i].a * n_features, count) +
               square_of(columns + answers->pairs[i].b * n_features, count);
    if (answers->count > 0)
        return sum / (2.0 * (double)answers->count);
    for (size_t i = 0; i < n_items; i++)
        sum += square_of(columns + i * n_features, count);
    return n_items > 0 ? sum / (double)n_items : 0.0;
}
