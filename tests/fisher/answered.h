/* Answers to fit, and the same fit computed plainly from the equations. */
#ifndef TEST_ANSWERED_H
#define TEST_ANSWERED_H

#include <fisher/last_layer.h>

#include "macros.h"
#include "problems.h"

enum { WIDEST = 24, MOST = 600 };

/* Answers drawn from a true beta. One in nine is a tie. */
typedef struct answered {
    problem made;
    float targets[MOST];
    fi_answers answers;
} answered;

static inline void answered_init(answered *given, uint64_t seed, size_t n_items, size_t h,
                                 size_t count, double spread) {
    fd_rng rng = fd_rng_seeded(1000 + seed);
    given->made = problem_new(seed, n_items, h, count, 3.0f, 1.0f);
    double truth[WIDEST], difference[WIDEST];
    for (size_t j = 0; j < h; j++)
        truth[j] = spread * fd_rng_normal(&rng);
    for (size_t i = 0; i < count; i++) {
        double logit = 0.0;
        problem_difference(&given->made.candidates, i, difference);
        for (size_t j = 0; j < h; j++)
            logit += difference[j] * truth[j];
        bool preferred = fd_rng_uniform(&rng) < fi_probability(logit);
        given->targets[i] = i % 9 == 8 ? 0.5f : preferred ? 1.0f : 0.0f;
    }
    given->answers =
        (fi_answers){.count = count, .pairs = given->made.pairs, .targets = given->targets};
}

FD_DEFINE_CLEANUP(fi_last_layer, fi_last_layer_free)
#define LAYER FD_CLEANUP(fi_last_layer_freep) fi_last_layer

/* One block of all columns, whose lambda stays. */
static inline fi_block block_under(const answered *given, double precision) {
    return (fi_block){.count = (uint32_t)given->made.candidates.n_features,
                      .guess = precision,
                      .shape = INFINITY};
}

/* Each answer counts whole. */
static inline fi_last_layer_options options_of(const fi_block *blocks, size_t n_blocks) {
    fi_last_layer_options options = fi_last_layer_defaults();
    options.blocks = blocks;
    options.n_blocks = n_blocks;
    options.design_effect = 1.0;
    return options;
}

static inline fi_last_layer *fit_with(const answered *given, const fi_last_layer_options *options,
                                      const fi_last_layer *start) {
    fi_last_layer *layer = NULL;
    assert_int_equal(fi_last_layer_fit(given->made.candidates.n_items,
                                       given->made.candidates.n_features, given->made.features,
                                       &given->answers, options, start, &layer),
                     0);
    return layer;
}

static inline fi_last_layer *fit_under(const answered *given, double precision) {
    fi_block block = block_under(given, precision);
    fi_last_layer_options options = options_of(&block, 1);
    return fit_with(given, &options, NULL);
}

typedef struct plain {
    double loss; /* sum */
    double objective;
    double gradient[WIDEST];
    double gradient_scale; /* sum of |t - p| |d| + lambda |beta| */
    double hessian[WIDEST * WIDEST];
} plain;

static inline double plain_length(size_t h, const double *vector) {
    double sum = 0.0;
    for (size_t j = 0; j < h; j++)
        sum += vector[j] * vector[j];
    return sqrt(sum);
}

static inline plain plain_evaluate(const answered *given, double precision, const double *beta) {
    size_t h = given->made.candidates.n_features;
    plain at = {.gradient_scale = precision * plain_length(h, beta)};
    double difference[WIDEST];
    for (size_t i = 0; i < given->answers.count; i++) {
        double target = (double)given->targets[i], logit = 0.0;
        problem_difference(&given->made.candidates, i, difference);
        for (size_t j = 0; j < h; j++)
            logit += difference[j] * beta[j];
        double p = fi_probability(logit);
        at.loss -= target * log(p) + (1.0 - target) * log(fi_probability(-logit));
        for (size_t j = 0; j < h; j++)
            at.gradient[j] += (p - target) * difference[j];
        at.gradient_scale += fabs(p - target) * plain_length(h, difference);
        plain_add(&given->made.candidates, i, fi_weight(logit), at.hessian);
    }
    at.objective = at.loss + precision / 2.0 * pow(plain_length(h, beta), 2.0);
    for (size_t j = 0; j < h; j++) {
        at.gradient[j] += precision * beta[j];
        at.hessian[j * h + j] += precision;
    }
    return at;
}

/* Newton's method from zero, with far more full steps than it needs. */
static inline plain plain_newton(const answered *given, double precision, double *beta) {
    size_t h = given->made.candidates.n_features;
    double inverse[WIDEST * WIDEST];
    memset(beta, 0, h * sizeof(*beta));
    for (int step = 0; step < 40; step++) {
        plain at = plain_evaluate(given, precision, beta);
        plain_invert(h, at.hessian, inverse);
        for (size_t i = 0; i < h; i++)
            for (size_t j = 0; j < h; j++)
                beta[i] -= inverse[i * h + j] * at.gradient[j];
    }
    return plain_evaluate(given, precision, beta);
}

static inline void assert_same_beta(size_t h, const double *actual, const double *expected,
                                    double tolerance) {
    double apart[WIDEST];
    for (size_t j = 0; j < h; j++)
        apart[j] = actual[j] - expected[j];
    assert_true(plain_length(h, apart) <= tolerance * plain_length(h, expected));
}

#endif
