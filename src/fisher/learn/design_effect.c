/* Compares the spread of sums of scores, over pairs and clusters, with that of single scores. */
#include "design_effect.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "clusters.h"

/* Below so few clusters they tell nothing about each other. */
enum { CLUSTERS_LEAST = 5 };

/* D comes in between these numbers of answers. */
#define ANSWERS_NONE 10.0
#define ANSWERS_ALL 30.0

/* sum [p] += the difference and the side of an answer, times its error: its score */
static void add_score(const fi_likelihood *likelihood, size_t answer, double *difference,
                      double *sum) {
    const fi_distinct_items *distinct = likelihood->distinct;
    size_t h = distinct->n_features;
    double error = likelihood->errors[answer];
    fi_distinct_items_difference(distinct, distinct->pairs[answer], error, difference);
    cblas_daxpy((int)h, 1.0, difference, 1, sum, 1);
    if (likelihood->sides)
        sum[h] += error * (double)likelihood->sides[answer];
}

/* The scores of each cluster are summed up, whitened by the factor, and squared. */
struct whitened_sum {
    const fi_factor *factor;
    double *block; /* [FI_BLOCK_ROWS x p] */
    size_t rows;
    double sum;
};

static void flush(struct whitened_sum *whitened) {
    size_t p = whitened->factor->n, numbers = whitened->rows * p;
    if (whitened->rows == 0)
        return;
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit,
                (int)whitened->rows, (int)p, 1.0, whitened->factor->upper, (int)p, whitened->block,
                (int)p);
    for (size_t i = 0; i < numbers; i++)
        whitened->sum += whitened->block[i] * whitened->block[i];
    whitened->rows = 0;
}

/* The next row, of zeros. */
static double *next_row(struct whitened_sum *whitened) {
    size_t p = whitened->factor->n;
    if (whitened->rows == FI_BLOCK_ROWS)
        flush(whitened);
    double *row = whitened->block + p * whitened->rows++;
    memset(row, 0, p * sizeof(*row));
    return row;
}

/* *ret = sum of |u|^2 over the answers = trace of U'^-1 (sum of e^2 d d') U^-1: the sum of products
 * costs less than to whiten each. */
static int sum_of_squares(const fi_posterior_mode *mode, double *ret) {
    int p = (int)mode->p;
    FD_CLEANUP(fi_information_freep) fi_information *scores = NULL;
    int r = fi_information_new(mode->p, &scores);
    if (r == 0)
        r = fi_likelihood_add_scores(&mode->likelihood, scores);
    if (r < 0)
        return r;
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, p, p, 1.0,
                mode->factor->upper, p, scores->matrix, p);
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasTrans, CblasNonUnit, p, p, 1.0,
                mode->factor->upper, p, scores->matrix, p);
    *ret = 0.0;
    for (size_t j = 0; j < mode->p; j++)
        *ret += scores->matrix[j * (mode->p + 1)];
    return 0;
}

/* The same over the clusters, u being the sum of a cluster's scores. */
static double spread(const fi_posterior_mode *mode, const fi_cluster_member *members, size_t n,
                     struct whitened_sum *sums, double *difference) {
    double *sum = NULL;
    sums->sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (fi_cluster_begins(members, i))
            sum = next_row(sums);
        add_score(&mode->likelihood, members[i].answer, difference, sum);
    }
    flush(sums);
    return sums->sum;
}

static double limited(double effect) {
    return fmin(fmax(effect, 1.0), FI_DESIGN_EFFECT_MOST);
}

int fi_design_effect(const fi_posterior_mode *mode, const fi_answers *answers, double *ret) {
    size_t n = answers->count, p = mode->p;
    struct whitened_sum sums = {.factor = mode->factor};
    double single, effect = 1.0;
    FD_FREE fi_cluster_member *members = calloc(n + 1, sizeof(*members));
    FD_FREE double *difference = calloc(p, sizeof(*difference));
    FD_FREE double *block = calloc(FI_BLOCK_ROWS, p * sizeof(*block));
    if (!members || !difference || !block)
        return -ENOMEM;
    sums.block = block;
    int r = sum_of_squares(mode, &single);
    if (r < 0)
        return r;
    if (single > 0.0 && fi_clusters_of_pairs(answers, members) < n)
        effect = limited(spread(mode, members, n, &sums, difference) / single);
    if (single > 0.0 && fi_clusters_as_given(answers, members) >= CLUSTERS_LEAST) {
        double given = limited(spread(mode, members, n, &sums, difference) / single);
        effect = fmax(effect, sqrt(effect * given));
    }
    double arrived = ((double)n - ANSWERS_NONE) / (ANSWERS_ALL - ANSWERS_NONE);
    arrived = fmin(fmax(arrived, 0.0), 1.0);
    *ret = 1.0 + arrived * (effect - 1.0);
    return 0;
}
