/* Bayes factors of Savage and Dickey, and the mean over the models that they weigh. */
#include "block_averaging.h"

#include <cblas.h>
#include <errno.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A model that leaves out the q coefficients of some blocks. */
struct restriction {
    size_t q;
    size_t *columns;   /* [q] */
    double *factor;    /* [q x q] lower Cholesky factor of Sigma_RR */
    double *beta;      /* [q] Sigma_RR^-1/2 beta_R */
    double *rows;      /* [q x p] Sigma_RR^-1/2 Sigma_R: */
    double log_weight; /* log B_R, plus the log odds against the blocks */
};

static void restriction_clear(struct restriction *restriction) {
    free(restriction->columns);
    free(restriction->factor);
    free(restriction->beta);
    free(restriction->rows);
}

static int allocate(const fi_full_fit *fit, size_t q, struct restriction *ret) {
    ret->q = q;
    ret->columns = calloc(q + 1, sizeof(*ret->columns));
    ret->factor = calloc(q + 1, (q + 1) * sizeof(*ret->factor));
    ret->beta = calloc(q + 1, sizeof(*ret->beta));
    ret->rows = calloc(q + 1, fit->p * sizeof(*ret->rows));
    return ret->columns && ret->factor && ret->beta && ret->rows ? 0 : -ENOMEM;
}

/* The prior's part of log B_R: -1/2 sum log lambda + 1/2 sum lambda m^2. */
static double prior_part(const fi_block *block, double precision) {
    return (double)block->count / 2.0 * (precision * block->mean * block->mean - log(precision));
}

/* Lists the columns of the blocks in the set, and sums what the prior has to say. */
static void list_columns(const fi_full_fit *fit, const bool *left_out, struct restriction *ret) {
    size_t q = 0;
    for (size_t g = 0; g < fit->n_blocks; g++) {
        const fi_block *block = &fit->blocks[g];
        if (!left_out[g])
            continue;
        ret->log_weight += prior_part(block, fit->precisions[g]) - block->log_odds;
        for (size_t j = 0; j < block->count; j++)
            ret->columns[q++] = block->first + j;
    }
}

static int restrict_to(const fi_full_fit *fit, const bool *left_out, size_t q,
                       struct restriction *ret) {
    int r = allocate(fit, q, ret);
    if (r < 0 || q == 0)
        return r;
    list_columns(fit, left_out, ret);
    for (size_t i = 0; i < q; i++) {
        const double *row = fit->covariance + ret->columns[i] * fit->p;
        for (size_t j = 0; j < q; j++)
            ret->factor[i * q + j] = row[ret->columns[j]];
        memcpy(ret->rows + i * fit->p, row, fit->p * sizeof(*row));
        ret->beta[i] = fit->beta[ret->columns[i]];
    }
    if (LAPACKE_dpotrf_work(LAPACK_ROW_MAJOR, 'L', (int)q, ret->factor, (int)q) != 0)
        return -EDOM;
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, (int)q,
                (int)fit->p, 1.0, ret->factor, (int)q, ret->rows, (int)fit->p);
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, (int)q, ret->factor, (int)q,
                ret->beta, 1);
    ret->log_weight -= cblas_ddot((int)q, ret->beta, 1, ret->beta, 1) / 2.0;
    for (size_t i = 0; i < q; i++)
        ret->log_weight -= log(ret->factor[i * q + i]);
    return 0;
}

/* beta [p] = beta - Sigma_:R Sigma_RR^-1 beta_R; exactly 0 in R. */
static void restricted_beta(const fi_full_fit *fit, const struct restriction *restriction,
                            double *beta) {
    memcpy(beta, fit->beta, fit->p * sizeof(*beta));
    if (restriction->q > 0)
        cblas_dgemv(CblasRowMajor, CblasTrans, (int)restriction->q, (int)fit->p, -1.0,
                    restriction->rows, (int)fit->p, restriction->beta, 1, 1.0, beta, 1);
    for (size_t i = 0; i < restriction->q; i++)
        beta[restriction->columns[i]] = 0.0;
}

/* ---- the sets ---- */

struct averaging {
    const fi_full_fit *fit;
    size_t n_averaged;
    size_t averaged[FI_BLOCKS_AVERAGED_MAX]; /* numbers of blocks */
    size_t n_sets;
    struct restriction sets[1 << FI_BLOCKS_AVERAGED_MAX];
    double weights[1 << FI_BLOCKS_AVERAGED_MAX];
};

static void averaging_clear(struct averaging *averaging) {
    for (size_t i = 0; i < averaging->n_sets; i++)
        restriction_clear(&averaging->sets[i]);
}

static int list_averaged(struct averaging *averaging) {
    const fi_full_fit *fit = averaging->fit;
    for (size_t g = 0; g < fit->n_blocks; g++) {
        if (!fit->blocks[g].averaged || fit->blocks[g].count == 0)
            continue;
        if (averaging->n_averaged == FI_BLOCKS_AVERAGED_MAX)
            return -EINVAL;
        averaging->averaged[averaging->n_averaged++] = g;
    }
    return 0;
}

static int restrict_to_each(struct averaging *averaging) {
    const fi_full_fit *fit = averaging->fit;
    for (size_t set = 0; set < (size_t)1 << averaging->n_averaged; set++) {
        bool left_out[FI_BLOCKS_MAX] = {false};
        size_t q = 0;
        for (size_t i = 0; i < averaging->n_averaged; i++) {
            left_out[averaging->averaged[i]] = set >> i & 1;
            q += left_out[averaging->averaged[i]] ? fit->blocks[averaging->averaged[i]].count : 0;
        }
        averaging->n_sets++;
        int r = restrict_to(fit, left_out, q, &averaging->sets[set]);
        if (r < 0)
            return r;
    }
    return 0;
}

static int weigh(struct averaging *averaging, double *probabilities) {
    double largest = -INFINITY, sum = 0.0;
    for (size_t i = 0; i < averaging->n_sets; i++)
        largest = fmax(largest, averaging->sets[i].log_weight);
    for (size_t i = 0; i < averaging->n_sets; i++)
        sum += averaging->weights[i] = exp(averaging->sets[i].log_weight - largest);
    if (!isfinite(sum))
        return -EDOM;
    for (size_t i = 0; i < averaging->n_sets; i++)
        averaging->weights[i] /= sum;
    for (size_t g = 0; g < averaging->fit->n_blocks; g++)
        probabilities[g] = 1.0;
    for (size_t i = 0; i < averaging->n_averaged; i++)
        for (size_t set = 0; set < averaging->n_sets; set++)
            probabilities[averaging->averaged[i]] -= set >> i & 1 ? averaging->weights[set] : 0.0;
    for (size_t i = 0; i < averaging->n_averaged; i++)
        probabilities[averaging->averaged[i]] = fmax(probabilities[averaging->averaged[i]], 0.0);
    return 0;
}

/* covariance = sum w [Sigma - rows' rows + (beta^R - beta)(beta^R - beta)'] */
static int mix(const struct averaging *averaging, double *beta, double *covariance) {
    const fi_full_fit *fit = averaging->fit;
    size_t p = fit->p;
    FD_FREE double *betas = calloc(averaging->n_sets, p * sizeof(*betas));
    if (!betas)
        return -ENOMEM;
    memset(beta, 0, p * sizeof(*beta));
    for (size_t i = 0; i < averaging->n_sets; i++) {
        restricted_beta(fit, &averaging->sets[i], betas + i * p);
        cblas_daxpy((int)p, averaging->weights[i], betas + i * p, 1, beta, 1);
    }
    memcpy(covariance, fit->covariance, p * p * sizeof(*covariance));
    for (size_t i = 0; i < averaging->n_sets; i++) {
        const struct restriction *set = &averaging->sets[i];
        cblas_daxpy((int)p, -1.0, beta, 1, betas + i * p, 1);
        cblas_dsyr(CblasRowMajor, CblasUpper, (int)p, averaging->weights[i], betas + i * p, 1,
                   covariance, (int)p);
        if (set->q > 0)
            cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)p, (int)set->q,
                        -averaging->weights[i], set->rows, (int)p, 1.0, covariance, (int)p);
    }
    for (size_t i = 0; i < p; i++)
        for (size_t j = 0; j < i; j++)
            covariance[i * p + j] = covariance[j * p + i];
    return 0;
}

int fi_average_blocks(const fi_full_fit *fit, double *beta, double *covariance,
                      double *probabilities) {
    FD_CLEANUP(averaging_clear) struct averaging averaging = {.fit = fit};
    int r = list_averaged(&averaging);
    if (r == 0)
        r = restrict_to_each(&averaging);
    if (r == 0)
        r = weigh(&averaging, probabilities);
    return r < 0 ? r : mix(&averaging, beta, covariance);
}
