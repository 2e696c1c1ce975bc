/* Evaluates the likelihood of answers in blocks of items. */
#include "likelihood.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

void fi_likelihood_clear(fi_likelihood *likelihood) {
    fi_distinct_items_free(likelihood->distinct);
    free(likelihood->block);
    free(likelihood->rewards);
    free(likelihood->slopes);
    free(likelihood->weights);
}

static bool are_targets(const fi_answers *answers) {
    for (size_t i = 0; i < answers->count; i++)
        if (!(answers->targets[i] >= 0.0f && answers->targets[i] <= 1.0f))
            return false;
    return answers->count > 0;
}

static bool are_finite(const fi_distinct_items *distinct) {
    size_t h = distinct->n_features;
    for (size_t i = 0; i < distinct->n_items; i++)
        for (size_t j = 0; j < h; j++)
            if (!isfinite(distinct->features[distinct->rows[i] * h + j]))
                return false;
    return true;
}

int fi_likelihood_init(fi_likelihood *likelihood, size_t n_items, size_t n_features,
                       const float *features, const fi_answers *answers) {
    if (!are_targets(answers))
        return -EINVAL;
    fi_candidates pairs = {.n_items = n_items,
                           .n_features = n_features,
                           .n_pairs = answers->count,
                           .features = features,
                           .pairs = answers->pairs};
    int r = fi_distinct_items_new(&pairs, &likelihood->distinct);
    if (r)
        return r;
    if (!are_finite(likelihood->distinct))
        return -EINVAL;
    size_t m = likelihood->distinct->n_items;
    likelihood->targets = answers->targets;
    likelihood->block = calloc(FI_BLOCK_ROWS * n_features, sizeof(*likelihood->block));
    likelihood->rewards = calloc(m, sizeof(*likelihood->rewards));
    likelihood->slopes = calloc(m, sizeof(*likelihood->slopes));
    likelihood->weights = calloc(answers->count, sizeof(*likelihood->weights));
    if (!likelihood->block || !likelihood->rewards || !likelihood->slopes || !likelihood->weights)
        return -ENOMEM;
    return 0;
}

/* Loads the rows from `first` on into the block. Returns their number, 0 after the last. */
static size_t next_block(const fi_likelihood *likelihood, size_t first) {
    size_t left = likelihood->distinct->n_items - first;
    size_t count = left < FI_BLOCK_ROWS ? left : FI_BLOCK_ROWS;
    fi_distinct_items_block(likelihood->distinct, first, count, likelihood->block);
    return count;
}

static void find_rewards(fi_likelihood *likelihood, const double *beta) {
    int h = (int)likelihood->distinct->n_features;
    for (size_t first = 0, count; (count = next_block(likelihood, first)) > 0; first += count)
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)count, h, 1.0, likelihood->block, h, beta, 1,
                    0.0, likelihood->rewards + first, 1);
}

double fi_likelihood_evaluate(fi_likelihood *likelihood, const double *beta) {
    const fi_distinct_items *distinct = likelihood->distinct;
    double loss = 0.0;
    find_rewards(likelihood, beta);
    memset(likelihood->slopes, 0, distinct->n_items * sizeof(*likelihood->slopes));
    for (size_t i = 0; i < distinct->n_pairs; i++) {
        fi_pair pair = distinct->pairs[i];
        double target = (double)likelihood->targets[i];
        double logit = likelihood->rewards[pair.a] - likelihood->rewards[pair.b];
        /* p and 1 - p, each to full precision */
        double e = exp(-fabs(logit));
        double more = 1.0 / (1.0 + e), less = e * more;
        double p = logit >= 0.0 ? more : less, not_p = logit >= 0.0 ? less : more;
        double slope = target * not_p - (1.0 - target) * p;
        likelihood->slopes[pair.a] += slope;
        likelihood->slopes[pair.b] -= slope;
        likelihood->weights[i] = more * less;
        loss += fmax(logit, 0.0) + log1p(e) - target * logit;
    }
    return loss;
}

void fi_likelihood_add_gradient(fi_likelihood *likelihood, double *gradient) {
    int h = (int)likelihood->distinct->n_features;
    for (size_t first = 0, count; (count = next_block(likelihood, first)) > 0; first += count)
        cblas_dgemv(CblasRowMajor, CblasTrans, (int)count, h, 1.0, likelihood->block, h,
                    likelihood->slopes + first, 1, 1.0, gradient, 1);
}
