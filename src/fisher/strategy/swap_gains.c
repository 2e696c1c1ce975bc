/* Computes and updates the gains of candidates for a batch. */
#include "swap_gains.h"

#include <cblas.h>
#include <errno.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "target_clones.h"

void fi_swap_gains_clear(fi_swap_gains *gains) {
    free(gains->whitened);
    free(gains->solved_items);
    free(gains->inverse);
    free(gains->directions);
    free(gains->products);
    free(gains->gains);
    free(gains->rows);
}

/* In float64, unlike fi_whiten, because the gains of equal items must be equal to nine digits. */
static void whiten(fi_swap_gains *gains) {
    const fi_distinct_items *distinct = gains->problem->distinct;
    int h = (int)distinct->n_features;
    for (size_t first = 0; first < distinct->n_items; first += FI_BLOCK_ROWS) {
        size_t left = distinct->n_items - first;
        size_t count = left < FI_BLOCK_ROWS ? left : FI_BLOCK_ROWS;
        double *rows = gains->whitened + first * distinct->n_features;
        fi_distinct_items_block(distinct, first, count, rows);
        cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, (int)count,
                    h, 1.0, gains->problem->factor->upper, h, rows, h);
    }
}

int fi_swap_gains_init(fi_swap_gains *gains, const fi_problem *problem) {
    const fi_distinct_items *distinct = problem->distinct;
    size_t h = distinct->n_features, n = distinct->n_pairs, m = distinct->n_items;
    *gains = (fi_swap_gains){
        .problem = problem,
        .whitened = calloc(m + 1, h * sizeof(*gains->whitened)),
        .solved_items = calloc(m + 1, h * sizeof(*gains->solved_items)),
        .inverse = calloc(h, h * sizeof(*gains->inverse)),
        .directions = calloc(h, 2 * sizeof(*gains->directions)),
        .products = calloc(m + 1, 2 * sizeof(*gains->products)),
        .gains = calloc(n, sizeof(*gains->gains)),
        .rows = calloc(FI_BLOCK_ROWS, h * sizeof(*gains->rows)),
    };
    if (!gains->whitened || !gains->solved_items || !gains->inverse || !gains->directions ||
        !gains->products || !gains->gains || !gains->rows)
        return -ENOMEM;
    whiten(gains);
    return 0;
}

/* row [h] = sqrt(v) u */
static void load(const fi_swap_gains *gains, uint32_t index, double *row) {
    size_t h = gains->problem->distinct->n_features;
    fi_pair pair = gains->problem->distinct->pairs[index];
    const double *a = gains->whitened + pair.a * h, *b = gains->whitened + pair.b * h;
    double scale = sqrt(gains->problem->weights[index]);
    for (size_t j = 0; j < h; j++)
        row[j] = scale * (a[j] - b[j]);
}

size_t fi_swap_gains_load(const fi_swap_gains *gains, const uint32_t *indices, size_t left,
                          double *rows) {
    size_t count = left < FI_BLOCK_ROWS ? left : FI_BLOCK_ROWS;
    for (size_t i = 0; i < count; i++)
        load(gains, indices[i], rows + i * gains->problem->distinct->n_features);
    return count;
}

/* ---- from the batch ---- */

/* inverse = identity + sum over C of v u u', upper triangle */
static void add_up(fi_swap_gains *gains, size_t k, const uint32_t *batch) {
    size_t h = gains->problem->distinct->n_features;
    memset(gains->inverse, 0, h * h * sizeof(*gains->inverse));
    for (size_t i = 0; i < h; i++)
        gains->inverse[i * h + i] = 1.0;
    for (size_t first = 0; first < k; first += FI_BLOCK_ROWS) {
        size_t count = fi_swap_gains_load(gains, batch + first, k - first, gains->rows);
        cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)h, (int)count, 1.0, gains->rows,
                    (int)h, 1.0, gains->inverse, (int)h);
    }
}

/* g = v |R'^-1 u|^2 with M(C) = R'R. `inverse` holds R. */
FI_CLONES static void measure(fi_swap_gains *gains) {
    const fi_distinct_items *distinct = gains->problem->distinct;
    size_t h = distinct->n_features, m = distinct->n_items;
    memcpy(gains->solved_items, gains->whitened, m * h * sizeof(*gains->solved_items));
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, (int)m, (int)h,
                1.0, gains->inverse, (int)h, gains->solved_items, (int)h);
    for (size_t i = 0; i < distinct->n_pairs; i++) {
        const double *a = gains->solved_items + distinct->pairs[i].a * h;
        const double *b = gains->solved_items + distinct->pairs[i].b * h;
        double square = 0.0;
#pragma omp simd reduction(+ : square)
        for (size_t j = 0; j < h; j++)
            square += (a[j] - b[j]) * (a[j] - b[j]);
        gains->gains[i] = gains->problem->weights[i] * square;
    }
}

int fi_swap_gains_begin(fi_swap_gains *gains, size_t k, const uint32_t *batch) {
    int h = (int)gains->problem->distinct->n_features;
    add_up(gains, k, batch);
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', h, gains->inverse, h) != 0)
        return -EDOM;
    measure(gains);
    return LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'L', h, gains->inverse, h) == 0 ? 0 : -EDOM;
}

/* ---- by a swap ---- */

/* By Sherman and Morrison: if a pair enters (sign 1), N falls by c c' with
 * c = N u sqrt(v / (1 + v u'Nu)). If it leaves (sign -1), N rises by c c' with 1 - v u'Nu instead.
 */
static void update_inverse(fi_swap_gains *gains, uint32_t index, double sign, double *direction) {
    int h = (int)gains->problem->distinct->n_features;
    load(gains, index, gains->rows);
    cblas_dsymv(CblasRowMajor, CblasUpper, h, 1.0, gains->inverse, h, gains->rows, 1, 0.0,
                direction, 1);
    double gain = cblas_ddot(h, direction, 1, gains->rows, 1);
    cblas_dscal(h, 1.0 / sqrt(fmax(1.0 + sign * gain, DBL_EPSILON)), direction, 1);
    cblas_dsyr(CblasRowMajor, CblasUpper, h, -sign, direction, 1, gains->inverse, h);
}

FI_CLONES static void multiply_items(fi_swap_gains *gains) {
    size_t h = gains->problem->distinct->n_features;
    const double *entered = gains->directions, *left = gains->directions + h;
    for (size_t i = 0; i < gains->problem->distinct->n_items; i++) {
        const double *row = gains->whitened + i * h;
        double first = 0.0, second = 0.0;
#pragma omp simd reduction(+ : first, second)
        for (size_t j = 0; j < h; j++) {
            first += entered[j] * row[j];
            second += left[j] * row[j];
        }
        gains->products[2 * i] = first;
        gains->products[2 * i + 1] = second;
    }
}

/* The new pair enters before the old one leaves, so that M(C) never gets smaller than it is without
 * the old one. */
void fi_swap_gains_update(fi_swap_gains *gains, uint32_t leaving, uint32_t entering) {
    const fi_distinct_items *distinct = gains->problem->distinct;
    update_inverse(gains, entering, 1.0, gains->directions);
    update_inverse(gains, leaving, -1.0, gains->directions + distinct->n_features);
    multiply_items(gains);
    for (size_t i = 0; i < distinct->n_pairs; i++) {
        const double *a = gains->products + 2 * (size_t)distinct->pairs[i].a;
        const double *b = gains->products + 2 * (size_t)distinct->pairs[i].b;
        double removed = a[0] - b[0], added = a[1] - b[1];
        double gain =
            gains->gains[i] + gains->problem->weights[i] * (added * added - removed * removed);
        gains->gains[i] = gain > 0.0 ? gain : 0.0;
    }
}
