#include "batch_evaluation.h"

#include <errno.h>
#include <math.h>

#include "batch_statistics.h"

static int allocate(size_t k, fi_selection *selection) {
    selection->count = k;
    selection->items = calloc(k + 1, sizeof(*selection->items));
    selection->gains = calloc(k + 1, sizeof(*selection->gains));
    selection->weights = calloc(k + 1, sizeof(*selection->weights));
    return selection->items && selection->gains && selection->weights ? 0 : -ENOMEM;
}

static void name_pairs(const fi_batch_evaluation *given, fi_selection *selection) {
    const fi_distinct_items *distinct = given->distinct;
    for (size_t i = 0; i < given->count; i++) {
        fi_pair pair = given->pairs[i];
        selection->items[i] = (fi_pair){distinct->rows[pair.a], distinct->rows[pair.b]};
        selection->weights[i] = fi_weight(fi_distinct_items_logit(distinct, pair));
    }
}

static int explain(const fi_batch_evaluation *given, fi_selection *selection) {
    const fi_distinct_items *distinct = given->distinct;
    FD_FREE double *difference = calloc(distinct->n_features, sizeof(*difference));
    selection->leverages = calloc(given->count + 1, sizeof(*selection->leverages));
    if (!difference || !selection->leverages)
        return -ENOMEM;
    for (size_t i = 0; i < given->count; i++) {
        fi_distinct_items_difference(distinct, given->pairs[i], 1.0, difference);
        selection->leverages[i] = fi_factor_leverage(given->before, difference);
    }
    return 0;
}

static double efficiency(double logdet, double bound, size_t h) {
    return exp(fmin(logdet - bound, 0.0) / (double)h);
}

/* The random batch is added to M like the other one, and held against the same bound. */
static int compare_with_random(const fi_batch_evaluation *given, fi_selection *selection) {
    const fi_distinct_items *distinct = given->distinct;
    FD_FREE double *weights = calloc(given->count + 1, sizeof(*weights));
    FD_FREE double *gains = calloc(given->count + 1, sizeof(*gains));
    FD_CLEANUP(fi_factor_freep) fi_factor *after = NULL;
    if (!weights || !gains)
        return -ENOMEM;
    for (size_t i = 0; i < given->count; i++)
        weights[i] = fi_weight(fi_distinct_items_logit(distinct, given->random[i]));
    int r =
        fi_batch_add(given->before, distinct, given->count, given->random, weights, gains, &after);
    if (r == 0)
        r = fi_batch_statistics_of(distinct, given->count, given->random, &selection->random);
    if (r == 0)
        r = fi_batch_statistics_of(distinct, given->count, given->pairs, &selection->chosen);
    if (r)
        return r;
    selection->random.logdet = fi_factor_logdet(after);
    selection->random.d_efficiency =
        efficiency(selection->random.logdet, selection->logdet_bound, distinct->n_features);
    selection->chosen.logdet = selection->logdet_after;
    selection->chosen.d_efficiency = selection->d_efficiency;
    return 0;
}

int fi_batch_evaluate(const fi_batch_evaluation *given, fi_selection *selection) {
    FD_CLEANUP(fi_factor_freep) fi_factor *after = NULL;
    int r = allocate(given->count, selection);
    if (r)
        return r;
    name_pairs(given, selection);
    if (given->options->explain)
        r = explain(given, selection);
    if (r == 0)
        r = fi_batch_add(given->before, given->distinct, given->count, given->pairs,
                         selection->weights, selection->gains, &after);
    if (r)
        return r;
    selection->logdet_before = fi_factor_logdet(given->before);
    selection->logdet_after = fi_factor_logdet(after);
    r = fi_certify(given->before, after, given->options->batch_size, given->options, &given->oracle,
                   &selection->logdet_bound);
    if (r)
        return r;
    selection->d_efficiency =
        efficiency(selection->logdet_after, selection->logdet_bound, given->distinct->n_features);
    return given->options->figures ? compare_with_random(given, selection) : 0;
}
