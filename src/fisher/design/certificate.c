/* Bounds log det over all batches by tangents, and tightens the bound by Frank-Wolfe steps. */
#include "certificate.h"

#include <cblas.h>
#include <errno.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "cancellation.h"
#include "information.h"

enum { BISECTIONS = 40 };

/* g comes from float32 rows. This share of its sum may be rounding. */
#define ROUNDING 1e-6

/* A point X of the relaxed problem, as a matrix and its factor. */
typedef struct point {
    fi_information *matrix;
    fi_factor *factor;
} point;

static void point_clear(point *at) {
    fi_information_free(at->matrix);
    fi_factor_free(at->factor);
}

/* matrix += U'U of the factor */
static void add_product(fi_information *information, const fi_factor *factor) {
    int h = (int)factor->n;
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, h, h, 1.0, factor->upper, h, 1.0,
                information->matrix, h);
    for (size_t i = 0; i < factor->n; i++)
        for (size_t j = 0; j < i; j++)
            information->matrix[i * factor->n + j] = information->matrix[j * factor->n + i];
}

static int point_init(point *at, const fi_factor *factor) {
    int r = fi_information_new(factor->n, &at->matrix);
    if (r)
        return r;
    add_product(at->matrix, factor);
    return fi_factor_copy(factor, &at->factor);
}

/* tr(M X^-1) = |U R^-1|^2 with M = U'U and X = R'R */
static int trace_of_ratio(const fi_factor *before, const fi_factor *at, double *ret) {
    int h = (int)before->n;
    FD_FREE double *ratio = calloc(before->n, before->n * sizeof(*ratio));
    if (!ratio)
        return -ENOMEM;
    memcpy(ratio, before->upper, before->n * before->n * sizeof(*ratio));
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, h, h, 1.0,
                at->upper, h, ratio, h);
    *ret = cblas_ddot(h * h, ratio, 1, ratio, 1);
    return 0;
}

/* eigenvalues [h] of X^-1 S. Only the upper triangle of S is read. */
static int eigenvalues_of_ratio(const fi_information *towards, const fi_factor *at,
                                double *eigenvalues) {
    int h = (int)at->n;
    FD_FREE double *ratio = calloc(at->n, at->n * sizeof(*ratio));
    FD_FREE double *room = calloc(at->n, 34 * sizeof(*room));
    if (!ratio || !room)
        return -ENOMEM;
    memcpy(ratio, towards->matrix, at->n * at->n * sizeof(*ratio));
    /* R'^-1 S R^-1. The rows of the upper factor are the columns of the lower one. */
    if (LAPACKE_dsygst_work(LAPACK_COL_MAJOR, 1, 'L', h, ratio, h, at->upper, h) != 0 ||
        LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'N', 'L', h, ratio, h, eigenvalues, room, 34 * h) != 0)
        return -EDOM;
    return 0;
}

/* Finds the share of the way from X to S that maximises log det: the zero of the derivative of
 * sum of log(1 + share (e - 1)), which falls. */
static double line_search(size_t h, const double *eigenvalues) {
    double low = 0.0, high = 1.0;
    for (int i = 0; i < BISECTIONS; i++) {
        double share = (low + high) / 2.0, slope = 0.0;
        for (size_t j = 0; j < h; j++)
            slope += (eigenvalues[j] - 1.0) / (1.0 + share * (eigenvalues[j] - 1.0));
        if (slope > 0.0)
            low = share;
        else
            high = share;
    }
    return (low + high) / 2.0;
}

/* X += share (S - X) */
static int move(point *at, const fi_information *towards) {
    size_t h = at->factor->n;
    FD_FREE double *eigenvalues = calloc(h, sizeof(*eigenvalues));
    if (!eigenvalues)
        return -ENOMEM;
    int r = eigenvalues_of_ratio(towards, at->factor, eigenvalues);
    if (r)
        return r;
    double share = line_search(h, eigenvalues);
    for (size_t i = 0; i < h * h; i++)
        at->matrix->matrix[i] += share * (towards->matrix[i] - at->matrix->matrix[i]);
    fi_factor *moved;
    r = fi_factor_new(at->matrix, 0.0, &moved);
    if (r)
        return r;
    fi_factor_free(at->factor);
    at->factor = moved;
    return 0;
}

/* Among all multiples of X, X times total / h has the lowest bound, log det X + h log(total / h),
 * with total = tr(M X^-1) + sum of the k largest g. */
static double bound_at(const fi_factor *at, double total) {
    double h = (double)at->n;
    return fi_factor_logdet(at) + h * log(total / h);
}

int fi_certify(const fi_factor *before, const fi_factor *after, size_t k,
               const fi_selection_options *options, const fi_oracle *oracle, double *ret_bound) {
    FD_CLEANUP(point_clear) point at = {0};
    int r = point_init(&at, after);
    if (r)
        return r;
    double h = (double)before->n, logdet = fi_factor_logdet(after);
    for (size_t step = 0;; step++) {
        bool last = step == options->certify_steps;
        FD_CLEANUP(fi_information_freep) fi_information *towards = NULL;
        double largest, of_batch, trace;
        r = last ? 0 : fi_information_new(before->n, &towards);
        if (r == 0)
            r = oracle->largest(oracle->context, at.factor, k, &largest, &of_batch, towards);
        if (r)
            return r;
        if (step == 0) { /* tr(M X^-1) is h - sum over the batch, which has the same rounding */
            *ret_bound = logdet + h * log1p(fmax(largest - of_batch, 0.0) / h);
        } else {
            r = trace_of_ratio(before, at.factor, &trace);
            if (r)
                return r;
            double bound = bound_at(at.factor, trace + largest * (1.0 + ROUNDING));
            *ret_bound = fmax(fmin(*ret_bound, bound), logdet);
        }
        if (last || *ret_bound == logdet)
            return 0;
        add_product(towards, before);
        r = move(&at, towards);
        if (r == -EDOM)
            return 0; /* rounding ends the search; the bounds so far hold */
        if (r == 0)
            r = fi_go_on(options, 1.0);
        if (r)
            return r;
    }
}
