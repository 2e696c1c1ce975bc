/* The Cholesky factor of a design matrix: making it, updating it, and leverages by it. */
#include "factor.h"

#include <assert.h>
#include <cblas.h>
#include <errno.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "distinct_items.h"
#include "information.h"
#include "whitening.h"

static int factor_allocate(size_t n, fi_factor **ret) {
    fi_factor *factor = calloc(1, sizeof(*factor) + n * n * sizeof(double));
    if (!factor)
        return -ENOMEM;
    factor->n = n;
    *ret = factor;
    return 0;
}

int fi_factor_new(const fi_information *information, double ridge, fi_factor **ret) {
    size_t n = information->n;
    FD_CLEANUP(fi_factor_freep) fi_factor *factor = NULL;
    int r = factor_allocate(n, &factor);
    if (r)
        return r;
    for (size_t i = 0; i < n; i++) {
        memcpy(factor->upper + i * n + i, information->matrix + i * n + i,
               (n - i) * sizeof(double));
        factor->upper[i * n + i] += ridge;
    }
    for (size_t i = 0; i < n; i++)
        if (!isfinite(factor->upper[i * n + i]))
            return -EDOM;
    /* The lower factor in column-major order is the upper factor in row-major order. */
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', (int)n, factor->upper, (int)n) != 0)
        return -EDOM;
    *ret = FD_STEAL(factor);
    return 0;
}

int fi_factor_new_raised(const fi_information *information, double ridge, fi_factor **ret) {
    double largest = 0.0;
    for (size_t i = 0; i < information->n; i++)
        largest = fmax(largest, information->matrix[i * information->n + i]);
    int r = fi_factor_new(information, ridge, ret);
    for (double raised = largest * DBL_EPSILON; r == -EDOM && isnormal(raised) && raised <= largest;
         raised *= 10.0)
        r = fi_factor_new(information, fmax(ridge, raised), ret);
    return r;
}

int fi_factor_copy(const fi_factor *factor, fi_factor **ret) {
    int r = factor_allocate(factor->n, ret);
    if (r)
        return r;
    memcpy((*ret)->upper, factor->upper, factor->n * factor->n * sizeof(double));
    return 0;
}

void fi_factor_free(fi_factor *factor) {
    free(factor);
}

double fi_factor_logdet(const fi_factor *factor) {
    double sum = 0.0;
    for (size_t i = 0; i < factor->n; i++)
        sum += log(factor->upper[i * factor->n + i]);
    return 2.0 * sum;
}

const double *fi_factor_upper(const fi_factor *factor) {
    return factor->upper;
}

/* One Givens rotation per row folds the new direction into the factor. */
void fi_factor_update(fi_factor *factor, double weight, const double *difference) {
    assert(weight >= 0.0);
    size_t n = factor->n;
    double direction[FI_WIDTH_MAX];
    double scale = sqrt(weight);
    for (size_t i = 0; i < n; i++)
        direction[i] = scale * difference[i];
    for (size_t i = 0; i < n; i++) {
        double *row = factor->upper + i * n;
        double length = hypot(row[i], direction[i]);
        double cosine = row[i] / length;
        double sine = direction[i] / length;
        row[i] = length;
        for (size_t j = i + 1; j < n; j++) {
            double old = row[j];
            row[j] = cosine * old + sine * direction[j];
            direction[j] = cosine * direction[j] - sine * old;
        }
    }
}

/* whitened = U'^-1 difference; the return value is its square, the leverage */
static double whiten(const fi_factor *factor, const double *difference, double *whitened) {
    int n = (int)factor->n;
    memcpy(whitened, difference, factor->n * sizeof(double));
    cblas_dtrsv(CblasRowMajor, CblasUpper, CblasTrans, CblasNonUnit, n, factor->upper, n, whitened,
                1);
    return cblas_ddot(n, whitened, 1, whitened, 1);
}

double fi_factor_leverage(const fi_factor *factor, const double *difference) {
    double whitened[FI_WIDTH_MAX];
    return whiten(factor, difference, whitened);
}

/* The solution goes forward, so what comes before the first column stays as it is. */
double fi_factor_leverage_without(const fi_factor *factor, const double *difference, size_t first,
                                  size_t count, double *ret_without) {
    double whitened[FI_WIDTH_MAX];
    double leverage = whiten(factor, difference, whitened);
    size_t n = factor->n;
    for (size_t j = first; j < n; j++) {
        double left = j < first + count ? 0.0 : difference[j];
        left -= cblas_ddot((int)j, whitened, 1, factor->upper + j, (int)n);
        whitened[j] = left / factor->upper[j * n + j];
    }
    *ret_without = cblas_ddot((int)n, whitened, 1, whitened, 1);
    return leverage;
}

int fi_factor_leverages(const fi_factor *factor, const fi_candidates *candidates,
                        double *leverages) {
    if (candidates->n_features != factor->n)
        return -EINVAL;
    FD_CLEANUP(fi_distinct_items_freep) fi_distinct_items *distinct = NULL;
    int r = fi_distinct_items_new(candidates, &distinct);
    if (r)
        return r;
    FD_FREE float *whitened = calloc(distinct->n_items + 1, factor->n * sizeof(*whitened));
    if (!whitened)
        return -ENOMEM;
    r = fi_whiten(factor, distinct, whitened);
    if (r)
        return r;
    fi_whitened_leverages(distinct, whitened, leverages);
    return 0;
}
