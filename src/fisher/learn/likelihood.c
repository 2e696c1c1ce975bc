#include "likelihood.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <string.h>

void fi_likelihood_clear(fi_likelihood *these) {
    fi_distinct_items_free(these->distinct);
    free(these->block);
    free(these->rewards);
    free(these->slopes);
    free(these->weights);
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

int fi_likelihood_init(fi_likelihood *these, size_t n_items, size_t n_features,
                       const float *features, const fi_answers *answers) {
    if (!are_targets(answers))
        return -EINVAL;
    fi_candidates pairs = {.n_items = n_items,
                           .n_features = n_features,
                           .n_pairs = answers->count,
                           .features = features,
                           .pairs = answers->pairs};
    int r = fi_distinct_items_new(&pairs, &these->distinct);
    if (r)
        return r;
    if (!are_finite(these->distinct))
        return -EINVAL;
    size_t m = these->distinct->n_items;
    these->targets = answers->targets;
    these->block = calloc(FI_BLOCK_ROWS * n_features, sizeof(*these->block));
    these->rewards = calloc(m, sizeof(*these->rewards));
    these->slopes = calloc(m, sizeof(*these->slopes));
    these->weights = calloc(answers->count, sizeof(*these->weights));
    if (!these->block || !these->rewards || !these->slopes || !these->weights)
        return -ENOMEM;
    return 0;
}

/* Fills the block with the next of m rows; 0 after the last. */
static size_t next_block(const fi_likelihood *these, size_t first) {
    size_t left = these->distinct->n_items - first;
    size_t count = left < FI_BLOCK_ROWS ? left : FI_BLOCK_ROWS;
    fi_distinct_items_block(these->distinct, first, count, these->block);
    return count;
}

static void find_rewards(fi_likelihood *these, const double *beta) {
    int h = (int)these->distinct->n_features;
    for (size_t first = 0, count; (count = next_block(these, first)) > 0; first += count)
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)count, h, 1.0, these->block, h, beta, 1, 0.0,
                    these->rewards + first, 1);
}

double fi_likelihood_look(fi_likelihood *these, const double *beta) {
    const fi_distinct_items *distinct = these->distinct;
    double loss = 0.0;
    find_rewards(these, beta);
    memset(these->slopes, 0, distinct->n_items * sizeof(*these->slopes));
    for (size_t i = 0; i < distinct->n_pairs; i++) {
        fi_pair pair = distinct->pairs[i];
        double target = (double)these->targets[i];
        double logit = these->rewards[pair.a] - these->rewards[pair.b];
        /* p and 1 - p, each with all its digits */
        double e = exp(-fabs(logit));
        double more = 1.0 / (1.0 + e), less = e * more;
        double p = logit >= 0.0 ? more : less, not_p = logit >= 0.0 ? less : more;
        double slope = target * not_p - (1.0 - target) * p;
        these->slopes[pair.a] += slope;
        these->slopes[pair.b] -= slope;
        these->weights[i] = more * less;
        loss += fmax(logit, 0.0) + log1p(e) - target * logit;
    }
    return loss;
}

void fi_likelihood_add_gradient(fi_likelihood *these, double *gradient) {
    int h = (int)these->distinct->n_features;
    for (size_t first = 0, count; (count = next_block(these, first)) > 0; first += count)
        cblas_dgemv(CblasRowMajor, CblasTrans, (int)count, h, 1.0, these->block, h,
                    these->slopes + first, 1, 1.0, gradient, 1);
}
