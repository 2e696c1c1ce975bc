/* Compares the spread of the clusters' sums of scores with that of the single answers' scores. */
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

/* row [p] = the difference and the side of an answer, times its error: its score */
static void score_of(const fi_likelihood *likelihood, size_t answer, double *row) {
    const fi_distinct_items *distinct = likelihood->distinct;
    double error = likelihood->errors[answer];
    fi_distinct_items_difference(distinct, distinct->pairs[answer], error, row);
    if (likelihood->sides)
        row[distinct->n_features] = error * (double)likelihood->sides[answer];
}

/* Sums of squares over blocks of rows, whitened by the factor. */
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

/* The next row, to be filled by the caller. */
static double *next_row(struct whitened_sum *whitened) {
    if (whitened->rows == FI_BLOCK_ROWS)
        flush(whitened);
    return whitened->block + whitened->factor->n * whitened->rows++;
}

int fi_design_effect(const fi_posterior_mode *mode, const fi_answers *answers, double *ret) {
    size_t n = answers->count, p = mode->p;
    struct whitened_sum single = {.factor = mode->factor}, sums = {.factor = mode->factor};
    FD_FREE fi_cluster_member *members = calloc(n, sizeof(*members));
    FD_FREE double *score = calloc(p, sizeof(*score));
    FD_FREE double *single_block = calloc(FI_BLOCK_ROWS, p * sizeof(*single_block));
    FD_FREE double *sums_block = calloc(FI_BLOCK_ROWS, p * sizeof(*sums_block));
    if (!members || !score || !single_block || !sums_block)
        return -ENOMEM;
    single.block = single_block;
    sums.block = sums_block;
    fi_clusters_list(answers, CLUSTERS_LEAST, members);

    double *sum = NULL;
    for (size_t i = 0; i < n; i++) {
        score_of(&mode->likelihood, members[i].answer, score);
        memcpy(next_row(&single), score, p * sizeof(*score));
        if (fi_cluster_begins(members, i)) {
            sum = next_row(&sums);
            memset(sum, 0, p * sizeof(*sum));
        }
        cblas_daxpy((int)p, 1.0, score, 1, sum, 1);
    }
    flush(&single);
    flush(&sums);
    double effect = single.sum > 0.0 ? sums.sum / single.sum : 1.0;
    double arrived = ((double)n - ANSWERS_NONE) / (ANSWERS_ALL - ANSWERS_NONE);
    arrived = fmin(fmax(arrived, 0.0), 1.0);
    *ret = 1.0 + arrived * (fmin(fmax(effect, 1.0), FI_DESIGN_EFFECT_MOST) - 1.0);
    return 0;
}
