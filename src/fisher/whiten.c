#include "design_private.h"

#include <cblas.h>
#include <errno.h>
#include <lapacke.h>
#include <string.h>

FI_CLONES static void narrow(size_t count, const double *restrict from, float *restrict to) {
    for (size_t i = 0; i < count; i++)
        to[i] = (float)from[i];
}

/*
 * Float64 up to the result, so that rounding does not grow with the condition number of M; then
 * each row is rounded once, to float32, because gathering the rows is bound by memory.
 */
int fi_whiten(const fi_factor *factor, const fi_distinct *distinct, float *whitened) {
    size_t h = distinct->n_features;
    FD_FREE double *inverse = calloc(h * h, sizeof(*inverse));
    FD_FREE double *block = calloc(FI_BLOCK_ROWS * h, sizeof(*block));
    if (!inverse || !block)
        return -ENOMEM;
    memcpy(inverse, factor->upper, h * h * sizeof(*inverse));
    if (LAPACKE_dtrtri_work(LAPACK_COL_MAJOR, 'L', 'N', (int)h, inverse, (int)h) != 0)
        return -EDOM;
    for (size_t first = 0; first < distinct->n_items; first += FI_BLOCK_ROWS) {
        size_t left = distinct->n_items - first;
        size_t count = left < FI_BLOCK_ROWS ? left : FI_BLOCK_ROWS;
        fi_distinct_block(distinct, first, count, block);
        cblas_dtrmm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, (int)count,
                    (int)h, 1.0, inverse, (int)h, block, (int)h);
        narrow(count * h, block, whitened + first * h);
    }
    return 0;
}

FI_CLONES void fi_whitened_leverages(const fi_distinct *distinct, const float *whitened,
                                     double *leverages) {
    size_t h = distinct->n_features;
    for (size_t i = 0; i < distinct->n_pairs; i++) {
        const float *a = whitened + (size_t)distinct->pairs[i].a * h;
        const float *b = whitened + (size_t)distinct->pairs[i].b * h;
        double sum = 0.0;
#pragma omp simd reduction(+ : sum)
        for (size_t j = 0; j < h; j++) {
            double difference = (double)a[j] - (double)b[j];
            sum += difference * difference;
        }
        leverages[i] = sum;
    }
}
