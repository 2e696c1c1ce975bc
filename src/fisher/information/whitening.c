/* Whitens features, in float32 where that is precise enough, and computes leverages from them. */
#include "whitening.h"

#include <cblas.h>
#include <errno.h>
#include <lapacke.h>
#include <stdbool.h>
#include <string.h>

#include "target_clones.h"

/* Up to this |U| |U^-1| (Frobenius) float32 products keep five digits of a whitened row. */
#define CONDITION_MAX 1e3

FI_CLONES static void narrow(size_t count, const double *restrict from, float *restrict to) {
    for (size_t i = 0; i < count; i++)
        to[i] = (float)from[i];
}

typedef struct whitener {
    const fi_distinct_items *distinct;
    double *inverse; /* [h x h] U^-1 */
    double *block;   /* [FI_BLOCK_ROWS x h] centred features */
    float *narrowed; /* [h x h] U^-1 */
} whitener;

static void whitener_free(whitener *work) {
    free(work->inverse);
    free(work->block);
    free(work->narrowed);
}

static int whitener_init(whitener *work, const fi_factor *factor) {
    size_t h = factor->n;
    work->inverse = calloc(h * h, sizeof(*work->inverse));
    work->block = calloc(FI_BLOCK_ROWS * h, sizeof(*work->block));
    work->narrowed = calloc(h * h, sizeof(*work->narrowed));
    if (!work->inverse || !work->block || !work->narrowed)
        return -ENOMEM;
    memcpy(work->inverse, factor->upper, h * h * sizeof(*work->inverse));
    if (LAPACKE_dtrtri_work(LAPACK_COL_MAJOR, 'L', 'N', (int)h, work->inverse, (int)h) != 0)
        return -EDOM;
    narrow(h * h, work->inverse, work->narrowed);
    return 0;
}

static bool is_well_conditioned(const whitener *work, const fi_factor *factor) {
    int size = (int)(factor->n * factor->n);
    return cblas_dnrm2(size, factor->upper, 1) * cblas_dnrm2(size, work->inverse, 1) <
           CONDITION_MAX;
}

/* Subtracts the centre in float64, so that a large common offset costs no digits. */
FI_CLONES static void centre_rows(const fi_distinct_items *distinct, size_t first, size_t count,
                                  float *restrict rows) {
    size_t h = distinct->n_features;
    const double *centre = distinct->centre;
    for (size_t i = 0; i < count; i++) {
        const float *row = distinct->features + distinct->rows[first + i] * h;
        for (size_t j = 0; j < h; j++)
            rows[i * h + j] = (float)((double)row[j] - centre[j]);
    }
}

static void whiten_block(whitener *work, bool wide, size_t first, size_t count, float *rows) {
    size_t h = work->distinct->n_features;
    if (wide) {
        fi_distinct_items_block(work->distinct, first, count, work->block);
        cblas_dtrmm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, (int)count,
                    (int)h, 1.0, work->inverse, (int)h, work->block, (int)h);
        narrow(count * h, work->block, rows);
        return;
    }
    centre_rows(work->distinct, first, count, rows);
    cblas_strmm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, (int)count,
                (int)h, 1.0f, work->narrowed, (int)h, rows, (int)h);
}

/* The result is float32 either way, because reading it for pairs is bound by memory. */
int fi_whiten(const fi_factor *factor, const fi_distinct_items *distinct, float *whitened) {
    FD_CLEANUP(whitener_free) whitener work = {.distinct = distinct};
    int r = whitener_init(&work, factor);
    if (r)
        return r;
    bool wide = !is_well_conditioned(&work, factor);
    for (size_t first = 0; first < distinct->n_items; first += FI_BLOCK_ROWS) {
        size_t left = distinct->n_items - first;
        whiten_block(&work, wide, first, left < FI_BLOCK_ROWS ? left : FI_BLOCK_ROWS,
                     whitened + first * distinct->n_features);
    }
    return 0;
}

static inline double leverage_of(size_t h, const float *whitened, fi_pair pair) {
    const float *a = whitened + (size_t)pair.a * h;
    const float *b = whitened + (size_t)pair.b * h;
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (size_t j = 0; j < h; j++) {
        double difference = (double)(a[j] - b[j]);
        sum += difference * difference;
    }
    return sum;
}

FI_CLONES double fi_whitened_square(size_t h, const float *row) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (size_t j = 0; j < h; j++)
        sum += (double)row[j] * (double)row[j];
    return sum;
}

FI_CLONES double fi_whitened_leverage(size_t h, const float *whitened, fi_pair pair) {
    return leverage_of(h, whitened, pair);
}

FI_CLONES void fi_whitened_leverages(const fi_distinct_items *distinct, const float *whitened,
                                     double *leverages) {
    for (size_t i = 0; i < distinct->n_pairs; i++)
        leverages[i] = leverage_of(distinct->n_features, whitened, distinct->pairs[i]);
}
