/* Compares the spread of sums of scores, over pairs and clusters, with that of single scores. */
#include "design_effect.h"

#include <cblas.h>
#include <errno.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "clusters.h"

/* Below so few clusters they tell nothing about each other. */
enum { CLUSTERS_LEAST = 5 };

/* D comes in between these numbers of answers. */
#define ANSWERS_NONE 10.0
#define ANSWERS_ALL 30.0

/* Rows [FI_BLOCK_ROWS x p] that are whitened together: u = U'^-1 row. */
struct whitened_rows {
    size_t p;
    double *inverse; /* [p x p] U^-1 */
    double *rows;
    size_t count;
};

static void whitened_rows_clear(struct whitened_rows *block) {
    free(block->inverse);
    free(block->rows);
}

static int whitened_rows_init(struct whitened_rows *block, const fi_factor *factor) {
    size_t p = block->p = factor->n;
    block->inverse = calloc(p, p * sizeof(*block->inverse));
    block->rows = calloc(FI_BLOCK_ROWS, p * sizeof(*block->rows));
    if (!block->inverse || !block->rows)
        return -ENOMEM;
    memcpy(block->inverse, factor->upper, p * p * sizeof(*block->inverse));
    if (LAPACKE_dtrtri_work(LAPACK_COL_MAJOR, 'L', 'N', (int)p, block->inverse, (int)p) != 0)
        return -EDOM;
    return 0;
}

/* The next row, of zeros. The block must not be full. */
static double *next_row(struct whitened_rows *block) {
    double *row = block->rows + block->p * block->count++;
    memset(row, 0, block->p * sizeof(*row));
    return row;
}

static void whiten(struct whitened_rows *block) {
    int p = (int)block->p;
    cblas_dtrmm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit,
                (int)block->count, p, 1.0, block->inverse, p, block->rows, p);
}

/* ---- pairs ---- */

/* The answers to one pair share d. With d from the item of the lower number to the other one, the
 * sums of e, e s, e^2, e^2 s and e^2 s^2 say all about them. */
struct votes {
    double e, es, ee, ees, eess;
};

static void add_vote(const fi_likelihood *likelihood, size_t answer, struct votes *votes) {
    fi_pair pair = likelihood->distinct->pairs[answer];
    double sign = pair.a < pair.b ? 1.0 : -1.0, e = sign * likelihood->errors[answer];
    double s = likelihood->sides ? sign * (double)likelihood->sides[answer] : 0.0;
    votes->e += e;
    votes->es += e * s;
    votes->ee += e * e;
    votes->ees += e * e * s;
    votes->eess += e * e * s * s;
}

/* Adds |u|^2 of the answers, and that of their sums by pair. The side is the last column, and so
 * the whitened side has no other. */
static void add_pairs(struct whitened_rows *block, const struct votes *votes, bool sided,
                      double *single, double *together) {
    size_t p = block->p, h = sided ? p - 1 : p;
    double unit = sided ? block->inverse[p * p - 1] : 0.0;
    whiten(block);
    for (size_t i = 0; i < block->count; i++) {
        const double *row = block->rows + i * p;
        double square = cblas_ddot((int)h, row, 1, row, 1), last = sided ? row[h] : 0.0;
        double sum = votes[i].e * last + votes[i].es * unit;
        *together += votes[i].e * votes[i].e * square + sum * sum;
        *single += votes[i].ee * (square + last * last) +
                   unit * (2.0 * last * votes[i].ees + unit * votes[i].eess);
    }
    block->count = 0;
}

/* The sums of |u|^2 over the answers, and of |sum of u|^2 over the pairs. */
static void spread_of_pairs(const fi_likelihood *likelihood, const fi_cluster_member *members,
                            size_t n, struct whitened_rows *block, double *single,
                            double *together) {
    struct votes votes[FI_BLOCK_ROWS];
    bool sided = likelihood->sides != NULL;
    *single = *together = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (fi_cluster_begins(members, i)) {
            if (block->count == FI_BLOCK_ROWS)
                add_pairs(block, votes, sided, single, together);
            votes[block->count] = (struct votes){0};
            fi_pair pair = likelihood->distinct->pairs[members[i].answer];
            fi_pair upward = pair.a < pair.b ? pair : (fi_pair){pair.b, pair.a};
            fi_distinct_items_difference(likelihood->distinct, upward, 1.0, next_row(block));
        }
        add_vote(likelihood, members[i].answer, &votes[block->count - 1]);
    }
    add_pairs(block, votes, sided, single, together);
}

/* ---- clusters ---- */

/* sum [p] += e (d, s) */
static void add_score(const fi_likelihood *likelihood, size_t answer, double *sum) {
    const fi_distinct_items *distinct = likelihood->distinct;
    double error = likelihood->errors[answer];
    fi_distinct_items_add_difference(distinct, distinct->pairs[answer], error, sum);
    if (likelihood->sides)
        sum[distinct->n_features] += error * (double)likelihood->sides[answer];
}

static double flush(struct whitened_rows *block) {
    size_t numbers = block->count * block->p;
    whiten(block);
    block->count = 0;
    return cblas_ddot((int)numbers, block->rows, 1, block->rows, 1);
}

/* The sum of |sum of u|^2 over the clusters. */
static double spread_of_clusters(const fi_likelihood *likelihood, const fi_cluster_member *members,
                                 size_t n, struct whitened_rows *block) {
    double *row = NULL, sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (fi_cluster_begins(members, i)) {
            sum += block->count == FI_BLOCK_ROWS ? flush(block) : 0.0;
            row = next_row(block);
        }
        add_score(likelihood, members[i].answer, row);
    }
    return sum + flush(block);
}

/* ---- the effect ---- */

static double limited(double effect) {
    return fmin(fmax(effect, 1.0), FI_DESIGN_EFFECT_MOST);
}

int fi_design_effect(const fi_posterior_mode *mode, const fi_answers *answers, double *ret) {
    const fi_likelihood *likelihood = &mode->likelihood;
    size_t n = answers->count;
    double single, together, effect = 1.0;
    FD_CLEANUP(whitened_rows_clear) struct whitened_rows block = {0};
    FD_FREE fi_cluster_member *members = calloc(n + 1, sizeof(*members));
    int r = whitened_rows_init(&block, mode->factor);
    if (r < 0 || !members)
        return r < 0 ? r : -ENOMEM;
    (void)fi_clusters_of_pairs(answers, members);
    spread_of_pairs(likelihood, members, n, &block, &single, &together);
    if (single > 0.0)
        effect = limited(together / single);
    if (single > 0.0 && fi_clusters_as_given(answers, members) >= CLUSTERS_LEAST) {
        double given = limited(spread_of_clusters(likelihood, members, n, &block) / single);
        effect = fmax(effect, sqrt(effect * given));
    }
    double arrived = ((double)n - ANSWERS_NONE) / (ANSWERS_ALL - ANSWERS_NONE);
    arrived = fmin(fmax(arrived, 0.0), 1.0);
    *ret = 1.0 + arrived * (effect - 1.0);
    return 0;
}
