/*
 * One step towards precisions that the evidence no longer moves, by Newton's method.
 *
 * With b = beta - m and the I of the point, and up to how I itself moves with beta,
 *
 *     d gamma_g / d lambda_k  = lambda_g |Sigma_gk|^2 - [g = k] trace of Sigma_gg
 *     d |b_g|^2 / d lambda_k  = -2 b_g' Sigma_gk b_k.
 */
#include "evidence_step.h"

#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { MOST = FI_BLOCKS_MAX + 1 };

/* Newton's step is taken where the fixed point attracts, and where it is not further than this. */
#define SLOPE_MOST 0.95
#define LEAP_MOST 1.0

/* The parts of lambda_g = (gamma_g + 2 a) / (|b_g|^2 + 2 a / guess). */
struct block_sums {
    double above;
    double below;
    double trace; /* of Sigma_gg */
};

/* gamma_g is a sum in which nothing cancels. */
static struct block_sums sum_block(const fi_evidence_point *at, const fi_block *block) {
    size_t p = at->p;
    struct block_sums sums = {.above = 2.0 * block->shape,
                              .below = 2.0 * block->shape / block->guess};
    for (size_t j = block->first; j < block->first + block->count; j++) {
        double offset = at->beta[j] - block->mean;
        sums.below += offset * offset;
        sums.trace += at->covariance[j * p + j];
        for (size_t k = 0; k < p; k++)
            sums.above += at->covariance[j * p + k] * at->information[j * p + k];
    }
    return sums;
}

static double limited(double precision) {
    return fmin(fmax(precision, FI_PRECISION_LEAST), FI_PRECISION_MOST);
}

/* |Sigma_gk|^2, and b_g' Sigma_gk b_k */
static double product_of(const fi_evidence_point *at, const fi_block *rows, const fi_block *columns,
                         double *ret_bend) {
    double square = 0.0, bend = 0.0;
    for (size_t i = rows->first; i < rows->first + rows->count; i++) {
        const double *row = at->covariance + i * at->p;
        double sum = 0.0;
        for (size_t j = columns->first; j < columns->first + columns->count; j++) {
            square += row[j] * row[j];
            sum += row[j] * (at->beta[j] - columns->mean);
        }
        bend += (at->beta[i] - rows->mean) * sum;
    }
    *ret_bend = bend;
    return square;
}

/* d log next_g / d log lambda_k */
static double slope(const fi_evidence_point *at, const struct block_sums *sums, size_t g,
                    size_t k) {
    double bend;
    double square = product_of(at, &at->blocks[g], &at->blocks[k], &bend);
    double determined = at->precisions[g] * square - (g == k ? sums[g].trace : 0.0);
    return at->precisions[k] * (determined / sums[g].above + 2.0 * bend / sums[g].below);
}

/* changes = (1 - slopes)^-1 changes. False where that is no step to take. */
static bool extrapolate(const fi_evidence_point *at, const struct block_sums *sums,
                        double *changes) {
    double matrix[MOST * MOST], solved[MOST];
    lapack_int pivots[MOST];
    size_t n = at->n_blocks;
    for (size_t g = 0; g < n; g++) {
        solved[g] = changes[g];
        for (size_t k = 0; k < n; k++) {
            double by = isinf(at->blocks[g].shape) ? 0.0 : slope(at, sums, g, k);
            if (g == k && !(by < SLOPE_MOST))
                return false;
            matrix[k * n + g] = (g == k ? 1.0 : 0.0) - by;
        }
    }
    if (LAPACKE_dgesv_work(LAPACK_COL_MAJOR, (int)n, 1, matrix, (int)n, pivots, solved, (int)n) !=
        0)
        return false;
    for (size_t g = 0; g < n; g++)
        if (!(fabs(solved[g]) <= fabs(changes[g]) + LEAP_MOST))
            return false;
    memcpy(changes, solved, n * sizeof(*changes));
    return true;
}

double fi_evidence_step(const fi_evidence_point *at, double *changes) {
    struct block_sums sums[MOST];
    double largest = 0.0;
    for (size_t g = 0; g < at->n_blocks; g++) {
        const fi_block *block = &at->blocks[g];
        sums[g] = sum_block(at, block);
        double next = isinf(block->shape) ? block->guess : limited(sums[g].above / sums[g].below);
        changes[g] = log(next / at->precisions[g]);
        largest = fmax(largest, fabs(changes[g]));
    }
    (void)extrapolate(at, sums, changes);
    return largest;
}
