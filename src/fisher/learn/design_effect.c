/* Compares the spread of sums of scores, over pairs and clusters, with that of single scores. */
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

/* An answer, and the group that it belongs to. */
struct member {
    uint64_t group;
    size_t answer;
};

static int compare_members(const void *a, const void *b) {
    const struct member *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (x->answer > y->answer) - (x->answer < y->answer);
}

static uint64_t pair_of(fi_pair pair) {
    uint64_t low = pair.a < pair.b ? pair.a : pair.b, high = pair.a < pair.b ? pair.b : pair.a;
    return high << 32 | low;
}

/* Which answers are summed before they are compared with the single ones. */
enum grouping { ALONE, BY_PAIR, BY_CLUSTER };

/* Sorts the answers by group. Returns the number of groups. */
static size_t sort_by_group(const fi_answers *answers, enum grouping grouping,
                            struct member *members) {
    for (size_t i = 0; i < answers->count; i++)
        members[i] = (struct member){grouping == ALONE     ? i
                                     : grouping == BY_PAIR ? pair_of(answers->pairs[i])
                                                           : answers->clusters[i],
                                     i};
    qsort(members, answers->count, sizeof(*members), compare_members);
    size_t groups = 0;
    for (size_t i = 0; i < answers->count; i++)
        groups += i == 0 || members[i].group != members[i - 1].group;
    return groups;
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

/* The sum of |u|^2 over the groups, u being the sum of a group's scores. */
static double spread(const fi_posterior_mode *mode, const struct member *members, size_t n,
                     struct whitened_sum *sums, double *score) {
    size_t p = mode->p;
    double *sum = NULL;
    sums->sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        score_of(&mode->likelihood, members[i].answer, score);
        if (i == 0 || members[i].group != members[i - 1].group) {
            sum = next_row(sums);
            memset(sum, 0, p * sizeof(*sum));
        }
        cblas_daxpy((int)p, 1.0, score, 1, sum, 1);
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
    FD_FREE struct member *members = calloc(n, sizeof(*members));
    FD_FREE double *score = calloc(p, sizeof(*score));
    FD_FREE double *block = calloc(FI_BLOCK_ROWS, p * sizeof(*block));
    *ret = 1.0;
    if (n == 0)
        return 0;
    if (!members || !score || !block)
        return -ENOMEM;
    sums.block = block;
    (void)sort_by_group(answers, ALONE, members);
    double single = spread(mode, members, n, &sums, score), effect = 1.0;
    if (single > 0.0 && sort_by_group(answers, BY_PAIR, members) < n)
        effect = limited(spread(mode, members, n, &sums, score) / single);
    if (single > 0.0 && answers->clusters &&
        sort_by_group(answers, BY_CLUSTER, members) >= CLUSTERS_LEAST) {
        double of_clusters = limited(spread(mode, members, n, &sums, score) / single);
        effect = fmax(effect, sqrt(effect * of_clusters));
    }
    double arrived = ((double)n - ANSWERS_NONE) / (ANSWERS_ALL - ANSWERS_NONE);
    arrived = fmin(fmax(arrived, 0.0), 1.0);
    *ret = 1.0 + arrived * (effect - 1.0);
    return 0;
}
