/* Random candidates to select from, and plain linear algebra to compare with. */
#ifndef TEST_PROBLEMS_H
#define TEST_PROBLEMS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fisher/design.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"

typedef struct problem {
    fi_candidates candidates;
    float *features;
    float *rewards;
    fi_pair *pairs;
} problem;

static inline void *problem_memory(size_t count, size_t size) {
    void *memory = calloc(count, size);
    assert_non_null(memory);
    return memory;
}

/* Makes normal features with a common offset, rewards with the given spread, and pairs of different
 * items.
 */
static inline problem problem_new(uint64_t seed, size_t n_items, size_t h, size_t n_pairs,
                                  float offset, float spread) {
    fd_rng rng = fd_rng_seeded(seed);
    problem made = {
        .features = problem_memory(n_items * h, sizeof(float)),
        .rewards = problem_memory(n_items, sizeof(float)),
        .pairs = problem_memory(n_pairs, sizeof(fi_pair)),
    };
    for (size_t i = 0; i < n_items * h; i++)
        made.features[i] = offset + (float)fd_rng_normal(&rng);
    for (size_t i = 0; i < n_items; i++)
        made.rewards[i] = spread * (float)fd_rng_normal(&rng);
    for (size_t i = 0; i < n_pairs; i++) {
        uint32_t a = (uint32_t)fd_rng_below(&rng, n_items);
        uint32_t b = (uint32_t)fd_rng_below(&rng, n_items - 1);
        made.pairs[i] = (fi_pair){a, b + (b >= a)};
    }
    made.candidates = (fi_candidates){
        .n_items = n_items,
        .n_features = h,
        .n_pairs = n_pairs,
        .features = made.features,
        .rewards = made.rewards,
        .pairs = made.pairs,
    };
    return made;
}

static inline void problem_free(problem *made) {
    free(made->features);
    free(made->rewards);
    free(made->pairs);
}

static inline double problem_logit(const fi_candidates *from, size_t pair) {
    return (double)from->rewards[from->pairs[pair].a] - (double)from->rewards[from->pairs[pair].b];
}

static inline double problem_weight(const fi_candidates *from, size_t pair) {
    return fi_weight(problem_logit(from, pair));
}

static inline void problem_difference(const fi_candidates *from, size_t pair, double *difference) {
    size_t h = from->n_features;
    for (size_t j = 0; j < h; j++)
        difference[j] = (double)from->features[from->pairs[pair].a * h + j] -
                        (double)from->features[from->pairs[pair].b * h + j];
}

/* matrix [h x h] += weight d d' of one pair */
static inline void plain_add(const fi_candidates *from, size_t pair, double weight,
                             double *matrix) {
    size_t h = from->n_features;
    double *difference = problem_memory(h, sizeof(double));
    problem_difference(from, pair, difference);
    for (size_t i = 0; i < h; i++)
        for (size_t j = 0; j < h; j++)
            matrix[i * h + j] += weight * difference[i] * difference[j];
    free(difference);
}

/* Computes the log determinant and the inverse of a positive definite matrix [h x h] by Gauss and
 * Jordan, without pivoting. */
static inline double plain_invert(size_t h, const double *matrix, double *inverse) {
    double *work = problem_memory(h * h, sizeof(double));
    memcpy(work, matrix, h * h * sizeof(double));
    memset(inverse, 0, h * h * sizeof(double));
    double logdet = 0.0;
    for (size_t i = 0; i < h; i++)
        inverse[i * h + i] = 1.0;
    for (size_t i = 0; i < h; i++) {
        double pivot = work[i * h + i];
        assert_true(pivot > 0.0);
        logdet += log(pivot);
        for (size_t j = 0; j < h; j++) {
            work[i * h + j] /= pivot;
            inverse[i * h + j] /= pivot;
        }
        for (size_t row = 0; row < h; row++) {
            double factor = work[row * h + i];
            if (row == i || factor == 0.0)
                continue;
            for (size_t j = 0; j < h; j++) {
                work[row * h + j] -= factor * work[i * h + j];
                inverse[row * h + j] -= factor * inverse[i * h + j];
            }
        }
    }
    free(work);
    return logdet;
}

static inline double plain_logdet(size_t h, const double *matrix) {
    double *inverse = problem_memory(h * h, sizeof(double));
    double logdet = plain_invert(h, matrix, inverse);
    free(inverse);
    return logdet;
}

static inline double plain_leverage(const fi_candidates *from, size_t pair, const double *inverse) {
    size_t h = from->n_features;
    double *difference = problem_memory(h, sizeof(double));
    problem_difference(from, pair, difference);
    double sum = 0.0;
    for (size_t i = 0; i < h; i++)
        for (size_t j = 0; j < h; j++)
            sum += difference[i] * inverse[i * h + j] * difference[j];
    free(difference);
    return sum;
}

/* Finds the largest log det of all batches of k by trying each. -INFINITY if there is none. */
static inline double plain_best_batch(const fi_candidates *from, size_t first, size_t k,
                                      const double *matrix) {
    size_t h = from->n_features;
    if (k == 0)
        return plain_logdet(h, matrix);
    double best = -INFINITY;
    for (size_t i = first; i + k <= from->n_pairs; i++) {
        double *with = problem_memory(h * h, sizeof(double));
        memcpy(with, matrix, h * h * sizeof(double));
        plain_add(from, i, problem_weight(from, i), with);
        best = fmax(best, plain_best_batch(from, i + 1, k - 1, with));
        free(with);
    }
    return best;
}

/* past (or zero) + ridge * identity */
static inline double *plain_design(size_t h, const fi_information *past, double ridge) {
    double *matrix = problem_memory(h * h, sizeof(double));
    if (past)
        memcpy(matrix, fi_information_matrix(past), h * h * sizeof(double));
    for (size_t i = 0; i < h; i++)
        matrix[i * h + i] += ridge;
    return matrix;
}

static inline fi_information *information_of(const fi_candidates *pairs) {
    fi_information *information = NULL;
    assert_int_equal(fi_information_new(pairs->n_features, &information), 0);
    assert_int_equal(fi_information_add(information, pairs), 0);
    return information;
}

static inline void assert_close(double actual, double expected, double tolerance) {
    if (!(fabs(actual - expected) <= tolerance * (1.0 + fabs(expected))))
        fail_msg("%.17g is not %.17g within %g", actual, expected, tolerance);
}

static inline fi_selection selected(const fi_candidates *from, const fi_information *past,
                                    const char *strategy, size_t k, double prior, uint64_t seed) {
    fi_selection_options options = {
        .strategy = fi_strategy_find(strategy),
        .batch_size = k,
        .prior_precision = prior,
        .seed = seed,
        .figures = true,
        .explain = true,
    };
    fi_selection selection;
    assert_int_equal(fi_select(from, past, &options, &selection), 0);
    assert_int_equal(selection.count, k);
    return selection;
}

#endif
