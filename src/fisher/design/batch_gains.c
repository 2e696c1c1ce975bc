/* Adds the pairs of a batch to a design matrix, in blocks, and computes the gain of each. */
#include "batch_gains.h"

#include <cblas.h>
#include <errno.h>
#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { BATCH_BLOCK = 64 };

/* With larger leverages the gains of a block would be lost in the rounding of its Gram matrix. */
#define GRAM_LEVERAGE_MAX 1e5

/* With a larger ratio of the diagonal of U the sum M + S'S would lose digits that U still has. */
#define DIAGONAL_RATIO_MAX 1e6

typedef struct block {
    double *scaled;   /* [BATCH_BLOCK x h] rows s = sqrt(v) d */
    double *whitened; /* [BATCH_BLOCK x h] rows s' U^-1 */
    double *gram;     /* [BATCH_BLOCK x BATCH_BLOCK] */
    double *sum;      /* [h x h] M, upper triangle */
    double *factored; /* [h x h] its factor */
} block;

static void block_free(block *work) {
    free(work->scaled);
    free(work->whitened);
    free(work->gram);
    free(work->sum);
    free(work->factored);
}

static int block_init(block *work, const fi_factor *before) {
    size_t h = before->n;
    work->scaled = calloc(BATCH_BLOCK * h, sizeof(double));
    work->whitened = calloc(BATCH_BLOCK * h, sizeof(double));
    work->gram = calloc(BATCH_BLOCK, BATCH_BLOCK * sizeof(double));
    work->sum = calloc(h * h, sizeof(double));
    work->factored = calloc(h * h, sizeof(double));
    if (!work->scaled || !work->whitened || !work->gram || !work->sum || !work->factored)
        return -ENOMEM;
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)h, (int)h, 1.0, before->upper, (int)h,
                0.0, work->sum, (int)h);
    return 0;
}

/*
 * The pivots of identity + S M^-1 S' are 1 + v d' M_t^-1 d, where M_t includes the rows before. So
 * one small Cholesky factor gives the gains of a whole block. Returns false if a leverage is too
 * large for that.
 */
static bool gains_by_gram(block *work, const fi_factor *factor, int count, double *gains) {
    int h = (int)factor->n;
    memcpy(work->whitened, work->scaled, (size_t)count * factor->n * sizeof(double));
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, count, h, 1.0,
                factor->upper, h, work->whitened, h);
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, count, h, 1.0, work->whitened, h, 0.0,
                work->gram, BATCH_BLOCK);
    for (int i = 0; i < count; i++) {
        if (!(work->gram[i * BATCH_BLOCK + i] < GRAM_LEVERAGE_MAX))
            return false;
        work->gram[i * BATCH_BLOCK + i] += 1.0;
    }
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', count, work->gram, BATCH_BLOCK) != 0)
        return false;
    for (int i = 0; i < count; i++)
        gains[i] = fmax(0.0, 2.0 * log(work->gram[i * BATCH_BLOCK + i]));
    return true;
}

static bool is_ill_conditioned(const fi_factor *factor) {
    double least = INFINITY;
    double most = 0.0;
    for (size_t i = 0; i < factor->n; i++) {
        least = fmin(least, factor->upper[i * factor->n + i]);
        most = fmax(most, factor->upper[i * factor->n + i]);
    }
    return most > DIAGONAL_RATIO_MAX * least;
}

/* Computes the factor of M + S'S. Returns false if rounding makes it singular. */
static bool absorb_by_sum(block *work, fi_factor *factor) {
    size_t h = factor->n;
    memcpy(work->factored, work->sum, h * h * sizeof(double));
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', (int)h, work->factored, (int)h) != 0)
        return false;
    memcpy(factor->upper, work->factored, h * h * sizeof(double));
    return true;
}

/* Rotates each row into the factor: slower than by blocks, but always stable. */
static void one_by_one(const block *work, fi_factor *factor, int count, double *gains) {
    double before = fi_factor_logdet(factor);
    for (int i = 0; i < count; i++) {
        fi_factor_update(factor, 1.0, work->scaled + (size_t)i * factor->n);
        double after = fi_factor_logdet(factor);
        gains[i] = fmax(0.0, after - before);
        before = after;
    }
}

int fi_batch_gains(const fi_factor *before, const fi_distinct_items *distinct, size_t k,
                   const fi_pair *pairs, const double *weights, double *gains, fi_factor **ret) {
    int h = (int)before->n;
    FD_CLEANUP(block_free) block work = {0};
    int r = block_init(&work, before);
    if (r)
        return r;
    FD_CLEANUP(fi_factor_freep) fi_factor *factor = NULL;
    r = fi_factor_copy(before, &factor);
    if (r)
        return r;
    for (size_t first = 0; first < k; first += BATCH_BLOCK) {
        int count = (int)(k - first < BATCH_BLOCK ? k - first : BATCH_BLOCK);
        for (int i = 0; i < count; i++)
            fi_distinct_items_difference(distinct, pairs[first + (size_t)i],
                                         sqrt(weights[first + (size_t)i]),
                                         work.scaled + (size_t)i * before->n);
        cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, h, count, 1.0, work.scaled, h, 1.0,
                    work.sum, h);
        if (is_ill_conditioned(factor) || !gains_by_gram(&work, factor, count, gains + first) ||
            !absorb_by_sum(&work, factor))
            one_by_one(&work, factor, count, gains + first);
    }
    *ret = FD_STEAL(factor);
    return 0;
}
