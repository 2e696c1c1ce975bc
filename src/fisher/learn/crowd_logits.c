/* Leaves an annotator's answers out of a fit, by one step of Newton's method. */
#include "crowd_logits.h"

#include <cblas.h>
#include <errno.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <fisher/information.h>

void fi_crowd_clear(fi_crowd *crowd) {
    free(crowd->upper);
    free(crowd->rows);
    free(crowd->scaled);
    free(crowd->square);
    free(crowd->whole);
}

int fi_crowd_init(fi_crowd *crowd, size_t n_features, const float *features,
                  const fi_answers *answers, const fi_last_layer *layer, size_t most) {
    size_t h = n_features;
    *crowd = (fi_crowd){.n_features = h, .features = features, .answers = answers, .layer = layer};
    crowd->upper = calloc(h, h * sizeof(double));
    crowd->rows = calloc(most + 1, h * sizeof(double));
    crowd->scaled = calloc(most + 1, h * sizeof(double));
    crowd->square = calloc(h, h * sizeof(double));
    crowd->whole = calloc(h, sizeof(double));
    if (!crowd->upper || !crowd->rows || !crowd->scaled || !crowd->square || !crowd->whole)
        return -ENOMEM;
    memcpy(crowd->upper, layer->covariance, h * h * sizeof(double));
    return LAPACKE_dpotrf_work(LAPACK_ROW_MAJOR, 'L', (int)h, crowd->upper, (int)h) == 0 ? 0
                                                                                         : -EDOM;
}

/* row [h] = d. Returns its logit u. */
static double difference_of(const fi_crowd *crowd, size_t answer, double *row) {
    size_t h = crowd->n_features;
    fi_pair pair = crowd->answers->pairs[answer];
    const float *a = crowd->features + pair.a * h, *b = crowd->features + pair.b * h;
    const float *sides = crowd->answers->sides;
    double logit = sides ? (double)sides[answer] * crowd->layer->side : 0.0;
    for (size_t j = 0; j < h; j++) {
        row[j] = (double)a[j] - (double)b[j];
        logit += row[j] * crowd->layer->beta[j];
    }
    return logit;
}

/*
 * In the coordinates where H is the identity, with the rows B of the answers and G = sqrt(w) B:
 * whole [h] <- (1 - G'G)^-1 whole. For fewer answers than features through a smaller matrix,
 * (1 - G'G)^-1 = 1 + G' (1 - G G')^-1 G. False if the matrix is not positive definite.
 */
static bool leave_out(fi_crowd *crowd, size_t count) {
    int h = (int)crowd->n_features, n = (int)count, size = n < h ? n : h;
    double *square = crowd->square, *whole = crowd->whole;
    memset(square, 0, (size_t)size * (size_t)size * sizeof(*square));
    for (size_t i = 0; i < (size_t)size; i++)
        square[i * ((size_t)size + 1)] = 1.0;
    cblas_dsyrk(CblasRowMajor, CblasLower, n < h ? CblasNoTrans : CblasTrans, size, n < h ? h : n,
                -1.0, crowd->scaled, h, 1.0, square, size);
    if (LAPACKE_dpotrf_work(LAPACK_ROW_MAJOR, 'L', size, square, size) != 0)
        return false;
    if (n >= h) {
        cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, h, square, h, whole, 1);
        cblas_dtrsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, h, square, h, whole, 1);
        return true;
    }
    double inner[FI_WIDTH_MAX];
    cblas_dgemv(CblasRowMajor, CblasNoTrans, n, h, 1.0, crowd->scaled, h, whole, 1, 0.0, inner, 1);
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, square, n, inner, 1);
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, n, square, n, inner, 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, n, h, 1.0, crowd->scaled, h, inner, 1, 1.0, whole, 1);
    return true;
}

/* rho, in the coordinates where H is the identity. */
static double undecided_share(fi_crowd *crowd, size_t count, const size_t *indices,
                              const double *logits) {
    size_t h = crowd->n_features;
    double share = 1.0 / crowd->layer->design_effect, all = 0.0;
    memset(crowd->whole, 0, h * sizeof(*crowd->whole));
    for (size_t i = 0; i < count; i++) {
        double x = (double)crowd->answers->reliabilities[indices[i]];
        double weight = share * fi_weight(x * logits[i]) * logits[i];
        cblas_daxpy((int)h, x * weight, crowd->rows + i * h, 1, crowd->whole, 1);
        all += weight * logits[i];
    }
    double lost = cblas_ddot((int)h, crowd->whole, 1, crowd->whole, 1);
    return all > 0.0 ? fmax(1.0 - lost / all, 0.0) : 0.0;
}

double fi_crowd_logits(fi_crowd *crowd, size_t count, const size_t *indices, double *logits) {
    size_t h = crowd->n_features;
    double share = 1.0 / crowd->layer->design_effect;
    for (size_t i = 0; i < count; i++)
        logits[i] = difference_of(crowd, indices[i], crowd->rows + i * h);
    cblas_dtrmm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, (int)count,
                (int)h, 1.0, crowd->upper, (int)h, crowd->rows, (int)h);
    memset(crowd->whole, 0, h * sizeof(*crowd->whole));
    for (size_t i = 0; i < count; i++) {
        const double *row = crowd->rows + i * h;
        double x = (double)crowd->answers->reliabilities[indices[i]];
        double target = (double)crowd->answers->targets[indices[i]], logit = x * logits[i];
        double scale = fabs(x) * sqrt(share * fi_weight(logit));
        cblas_daxpy((int)h, share * x * (target - fi_probability(logit)), row, 1, crowd->whole, 1);
        for (size_t j = 0; j < h; j++)
            crowd->scaled[i * h + j] = scale * row[j];
    }
    if (!leave_out(crowd, count)) /* rounding, where nothing but these answers tells anything */
        return 0.0;
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)count, (int)h, -1.0, crowd->rows, (int)h,
                crowd->whole, 1, 1.0, logits, 1);
    return undecided_share(crowd, count, indices, logits);
}
