/* Evaluates the likelihood of answers in blocks of items. */
#include "likelihood.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Factors of at most 2 are multiplied until their product is so large. */
#define PRODUCT_MOST 0x1p64

void fi_likelihood_clear(fi_likelihood *likelihood) {
    fi_distinct_items_free(likelihood->distinct);
    free(likelihood->rewards);
    free(likelihood->slopes);
    free(likelihood->errors);
    free(likelihood->weights);
}

static bool are_targets(const fi_answers *answers) {
    for (size_t i = 0; i < answers->count; i++)
        if (!(answers->targets[i] >= 0.0f && answers->targets[i] <= 1.0f))
            return false;
    return answers->count > 0;
}

/* Sides and reliabilities */
static bool are_circumstances(const fi_answers *answers) {
    for (size_t i = 0; i < answers->count; i++)
        if ((answers->sides && !(fabsf(answers->sides[i]) <= 1.0f)) ||
            (answers->reliabilities && !isfinite(answers->reliabilities[i])))
            return false;
    return true;
}

static bool is_any_side_known(const fi_answers *answers) {
    for (size_t i = 0; answers->sides && i < answers->count; i++)
        if (answers->sides[i] != 0.0f)
            return true;
    return false;
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
    if (!are_targets(answers) || !are_circumstances(answers))
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
    likelihood->reliabilities = answers->reliabilities;
    likelihood->sides = is_any_side_known(answers) ? answers->sides : NULL;
    likelihood->p = n_features + (likelihood->sides ? 1 : 0);
    likelihood->rewards = calloc(m, sizeof(*likelihood->rewards));
    likelihood->slopes = calloc(m, sizeof(*likelihood->slopes));
    likelihood->errors = calloc(answers->count, sizeof(*likelihood->errors));
    likelihood->weights = calloc(answers->count, sizeof(*likelihood->weights));
    if (!likelihood->rewards || !likelihood->slopes || !likelihood->errors || !likelihood->weights)
        return -ENOMEM;
    return 0;
}

double fi_likelihood_evaluate(fi_likelihood *likelihood, const double *beta) {
    const fi_distinct_items *distinct = likelihood->distinct;
    const float *sides = likelihood->sides, *reliabilities = likelihood->reliabilities;
    double pull = sides ? beta[distinct->n_features] : 0.0;
    double loss = 0.0, product = 1.0;
    fi_distinct_items_multiply(distinct, beta, likelihood->rewards);
    memset(likelihood->slopes, 0, distinct->n_items * sizeof(*likelihood->slopes));
    for (size_t i = 0; i < distinct->n_pairs; i++) {
        fi_pair pair = distinct->pairs[i];
        double target = (double)likelihood->targets[i];
        double x = reliabilities ? (double)reliabilities[i] : 1.0;
        double logit = likelihood->rewards[pair.a] - likelihood->rewards[pair.b];
        logit = x * (sides ? logit + (double)sides[i] * pull : logit);
        /* p and 1 - p, each to full precision */
        double e = exp(-fabs(logit));
        double more = 1.0 / (1.0 + e), less = e * more;
        double p = logit >= 0.0 ? more : less, not_p = logit >= 0.0 ? less : more;
        double error = x * (target * not_p - (1.0 - target) * p);
        likelihood->errors[i] = error;
        likelihood->slopes[pair.a] += error;
        likelihood->slopes[pair.b] -= error;
        likelihood->weights[i] = x * x * more * less;
        loss += fmax(logit, 0.0) - target * logit;
        product *= 1.0 + e; /* one logarithm for many answers */
        if (product > PRODUCT_MOST) {
            loss += log(product);
            product = 1.0;
        }
    }
    return loss + log(product);
}

void fi_likelihood_add_gradient(fi_likelihood *likelihood, double scale, double *gradient) {
    size_t h = likelihood->distinct->n_features;
    fi_distinct_items_add(likelihood->distinct, scale, likelihood->slopes, gradient);
    for (size_t i = 0; likelihood->sides && i < likelihood->distinct->n_pairs; i++)
        gradient[h] += scale * likelihood->errors[i] * (double)likelihood->sides[i];
}

/* ---- information ---- */

/* row [p] += the sum of weight side d, and of weight side^2 */
static int add_side(const fi_likelihood *likelihood, const double *weights, double *row) {
    const fi_distinct_items *distinct = likelihood->distinct;
    size_t h = distinct->n_features;
    FD_FREE double *sums = calloc(distinct->n_items, sizeof(*sums));
    if (!sums)
        return -ENOMEM;
    for (size_t i = 0; i < distinct->n_pairs; i++) {
        double side = (double)likelihood->sides[i], weight = weights[i] * side;
        sums[distinct->pairs[i].a] += weight;
        sums[distinct->pairs[i].b] -= weight;
        row[h] += weight * side;
    }
    fi_distinct_items_add(distinct, 1.0, sums, row);
    return 0;
}

int fi_likelihood_add_information(fi_likelihood *likelihood, double scale,
                                  fi_information *information) {
    const double *weights = likelihood->weights;
    size_t h = likelihood->distinct->n_features, p = likelihood->p;
    FD_CLEANUP(fi_information_freep) fi_information *items = NULL;
    FD_FREE double *side = calloc(h + 1, sizeof(*side));
    if (!side)
        return -ENOMEM;
    int r = fi_information_new(h, &items);
    if (r == 0)
        r = fi_information_add_weighted(items, likelihood->distinct, weights);
    if (r < 0)
        return r;
    for (size_t i = 0; i < h; i++)
        for (size_t j = 0; j < h; j++)
            information->matrix[i * p + j] += scale * items->matrix[i * h + j];
    if (!likelihood->sides)
        return 0;
    r = add_side(likelihood, weights, side);
    if (r < 0)
        return r;
    for (size_t j = 0; j < h; j++) {
        information->matrix[h * p + j] += scale * side[j];
        information->matrix[j * p + h] += scale * side[j];
    }
    information->matrix[h * p + h] += scale * side[h];
    return 0;
}
