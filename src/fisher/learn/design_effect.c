/* Compares the spread of the clusters' sums of scores with that of the single answers' scores. */
#include "design_effect.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Below so few clusters they tell nothing about each other. */
enum { CLUSTERS_LEAST = 5 };

/* D comes in between these numbers of answers. */
#define ANSWERS_NONE 10.0
#define ANSWERS_ALL 30.0

/* An answer, and the cluster that it belongs to. */
struct member {
    uint64_t cluster;
    size_t answer;
};

static int compare_members(const void *a, const void *b) {
    const struct member *x = a, *y = b;
    if (x->cluster != y->cluster)
        return x->cluster < y->cluster ? -1 : 1;
    return (x->answer > y->answer) - (x->answer < y->answer);
}

static uint64_t pair_of(fi_pair pair) {
    uint64_t low = pair.a < pair.b ? pair.a : pair.b, high = pair.a < pair.b ? pair.b : pair.a;
    return high << 32 | low;
}

/* Sorts the answers by cluster. Returns the number of clusters. */
static size_t sort_by_cluster(const fi_answers *answers, bool by_pair, struct member *members) {
    for (size_t i = 0; i < answers->count; i++)
        members[i] =
            (struct member){by_pair ? pair_of(answers->pairs[i]) : answers->clusters[i], i};
    qsort(members, answers->count, sizeof(*members), compare_members);
    size_t clusters = 0;
    for (size_t i = 0; i < answers->count; i++)
        clusters += i == 0 || members[i].cluster != members[i - 1].cluster;
    return clusters;
}

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
    FD_FREE struct member *members = calloc(n, sizeof(*members));
    FD_FREE double *score = calloc(p, sizeof(*score));
    FD_FREE double *single_block = calloc(FI_BLOCK_ROWS, p * sizeof(*single_block));
    FD_FREE double *sums_block = calloc(FI_BLOCK_ROWS, p * sizeof(*sums_block));
    if (!members || !score || !single_block || !sums_block)
        return -ENOMEM;
    single.block = single_block;
    sums.block = sums_block;
    bool by_pair = !answers->clusters;
    if (sort_by_cluster(answers, by_pair, members) < CLUSTERS_LEAST && !by_pair)
        (void)sort_by_cluster(answers, true, members);

    double *sum = NULL;
    for (size_t i = 0; i < n; i++) {
        score_of(&mode->likelihood, members[i].answer, score);
        memcpy(next_row(&single), score, p * sizeof(*score));
        if (i == 0 || members[i].cluster != members[i - 1].cluster) {
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
