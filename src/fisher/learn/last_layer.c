/* Fits a last layer: design effect, precisions by the evidence, and the mean over its models. */
#include <fisher/last_layer.h>

#include <errno.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "block_averaging.h"
#include "design_effect.h"
#include "evidence_step.h"
#include "fitted_layer.h"
#include "posterior_mode.h"

/* The design effect is that of a fit with this many times the guess of the first block: a stiffer
 * prior leaves what the features cannot explain in the errors. */
#define STIFFNESS 8.0

/* A precision has settled when its logarithm changes by no more than this. */
#define SETTLED 1e-5

/* Nats: the tolerance while the precisions still move. */
#define ROUGH 1e-8

/* Before I is computed, the search goes on to this share of the tolerance. */
#define FINER 1e-2

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
    size_t n_blocks;
    fi_block blocks[FI_BLOCKS_MAX + 1]; /* those of the options, then the side if one is known */
    double precisions[FI_BLOCKS_MAX + 1];
    double *covariance; /* [p x p] H^-1 */
    bool is_warm;       /* starts from an earlier fit */
};

static void fit_clear(struct fit *fit) {
    fi_posterior_mode_clear(&fit->mode);
    free(fit->covariance);
}

static void list_blocks(struct fit *fit) {
    const fi_last_layer_options *options = fit->options;
    fit->n_blocks = options->n_blocks;
    memcpy(fit->blocks, options->blocks, options->n_blocks * sizeof(*fit->blocks));
    if (fit->mode.likelihood.sides)
        fit->blocks[fit->n_blocks++] =
            (fi_block){.first = (uint32_t)fit->mode.likelihood.distinct->n_features,
                       .count = 1,
                       .guess = options->side_guess,
                       .shape = 1.0};
}

static void begin(struct fit *fit, const fi_last_layer *start) {
    size_t h = fit->mode.likelihood.distinct->n_features;
    bool starts = start && start->n_features == h && start->n_blocks == fit->options->n_blocks;
    list_blocks(fit);
    for (size_t g = 0; g < fit->n_blocks; g++) {
        fi_block block = fit->blocks[g];
        double from = !starts                      ? 0.0
                      : g < fit->options->n_blocks ? start->precisions[g]
                                                   : start->side_precision;
        fit->precisions[g] = is_precision(from) ? from : block.guess;
        for (size_t j = 0; j < block.count; j++)
            fit->mode.mean[block.first + j] = block.mean;
    }
    fit->is_warm = starts;
    memcpy(fit->mode.beta, starts ? start->start : fit->mode.mean, h * sizeof(*fit->mode.beta));
    if (fit->mode.p > h)
        fit->mode.beta[h] = starts ? start->side : 0.0;
}

static void set_precisions(struct fit *fit, const double *precisions) {
    for (size_t g = 0; g < fit->n_blocks; g++) {
        fi_block block = fit->blocks[g];
        for (size_t j = 0; j < block.count; j++)
            fit->mode.precisions[block.first + j] = precisions[g];
    }
}

static int find_mode(struct fit *fit, const double *precisions, double tolerance) {
    set_precisions(fit, precisions);
    return fi_posterior_mode_find(&fit->mode, tolerance);
}

/* ---- the design effect ---- */

static int find_stiff_mode(struct fit *fit) {
    double stiff[FI_BLOCKS_MAX + 1];
    for (size_t g = 0; g < fit->n_blocks; g++)
        stiff[g] = fit->blocks[g].guess * (g == 0 ? STIFFNESS : 1.0);
    stiff[0] = fmin(stiff[0], FI_PRECISION_MOST);
    int r = find_mode(fit, stiff, fit->options->tolerance);
    if (r == 0 && !fit->mode.is_exact)
        r = fi_posterior_mode_find_curvature(&fit->mode);
    return r;
}

/* Where a search begins: beta, and the I there. */
struct beginning {
    double *beta;
    fi_information *information;
};

static void beginning_clear(struct beginning *from) {
    free(from->beta);
    fi_information_free(from->information);
}

static int find_beginning(struct fit *fit, struct beginning *ret) {
    size_t p = fit->mode.p;
    set_precisions(fit, fit->precisions);
    int r = fi_posterior_mode_begin(&fit->mode);
    if (r == 0)
        r = fi_information_copy(fit->mode.information, &ret->information);
    ret->beta = calloc(p, sizeof(*ret->beta));
    if (r < 0 || !ret->beta)
        return r < 0 ? r : -ENOMEM;
    memcpy(ret->beta, fit->mode.beta, p * sizeof(*ret->beta));
    return 0;
}

static void return_to(struct fit *fit, struct beginning *from) {
    memcpy(fit->mode.beta, from->beta, fit->mode.p * sizeof(*from->beta));
    fi_information_free(fit->mode.information);
    fit->mode.information = FD_STEAL(from->information);
    fit->mode.is_exact = true;
    fit->mode.is_evaluated = false;
}

/* After an earlier fit, the fits before and after D begin at the same place, with the same I. */
static int find_design_effect(struct fit *fit, const fi_answers *answers) {
    FD_CLEANUP(beginning_clear) struct beginning from = {0};
    double effect = fit->options->design_effect;
    int r = 0;
    fi_posterior_mode_set_share(&fit->mode, 1.0);
    if (effect == 0.0) {
        if (fit->is_warm)
            r = find_beginning(fit, &from);
        if (r == 0)
            r = find_stiff_mode(fit);
        if (r == 0)
            r = fi_design_effect(&fit->mode, answers, &effect);
        if (r < 0)
            return r;
        if (fit->is_warm)
            return_to(fit, &from);
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

/* The mode under the precisions and H^-1. */
static int find_posterior(struct fit *fit, double tolerance) {
    int r = find_mode(fit, fit->precisions, tolerance);
    return r < 0 ? r : invert(fit);
}

/* The same with the I of the mode. The last step, with that I, is too small to change it. */
static int find_exact_posterior(struct fit *fit) {
    int r = find_mode(fit, fit->precisions, fit->options->tolerance * FINER);
    if (r == 0 && !fit->mode.is_exact) {
        r = fi_posterior_mode_find_curvature(&fit->mode);
        if (r == 0 && fit->mode.converged)
            r = find_mode(fit, fit->precisions, fit->options->tolerance);
    }
    return r < 0 ? r : invert(fit);
}

/* Moves the precisions, unless they have settled. */
static bool have_settled(struct fit *fit) {
    double changes[FI_BLOCKS_MAX + 1];
    fi_evidence_point at = {.blocks = fit->blocks,
                            .n_blocks = fit->n_blocks,
                            .p = fit->mode.p,
                            .precisions = fit->precisions,
                            .beta = fit->mode.beta,
                            .covariance = fit->covariance,
                            .information = fit->mode.information->matrix};
    if (fi_evidence_step(&at, changes) <= SETTLED)
        return true;
    for (size_t g = 0; g < fit->n_blocks; g++)
        fit->precisions[g] =
            fmin(fmax(fit->precisions[g] * exp(changes[g]), FI_PRECISION_LEAST), FI_PRECISION_MOST);
    return false;
}

/* Precisions that have settled with the I of an earlier beta are tried again with that of the mode.
 * Those that stand that have not moved since the last fit, so the covariance belongs to them. */
static int find_evidence(struct fit *fit, bool *ret_settled) {
    double rough = fmax(fit->options->tolerance, ROUGH);
    bool settled = false;
    for (uint32_t round = 0; round < fit->options->rounds; round++) {
        int r = settled ? find_exact_posterior(fit) : find_posterior(fit, rough);
        if (r < 0)
            return r;
        bool was_settled = settled;
        settled = have_settled(fit);
        if (settled && was_settled) {
            *ret_settled = true;
            return 0;
        }
    }
    *ret_settled = fit->options->rounds == 0;
    return find_exact_posterior(fit); /* who fits again finds the same M */
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
