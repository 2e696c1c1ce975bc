/* Fills a selection with what its batch is worth. */
#include "batch_evaluation.h"

#include <errno.h>
#include <math.h>

#include "batch_gains.h"
#include "batch_statistics.h"

static int allocate(size_t k, fi_selection *selection) {
    selection->count = k;
    selection->items = calloc(k + 1, sizeof(*selection->items));
    selection->gains = calloc(k + 1, sizeof(*selection->gains));
    selection->weights = calloc(k + 1, sizeof(*selection->weights));
    return selection->items && selection->gains && selection->weights ? 0 : -ENOMEM;
}

static void name_pairs(const fi_batch_evaluation *batch, fi_selection *selection) {
    const fi_distinct_items *distinct = batch->distinct;
    for (size_t i = 0; i < batch->count; i++) {
        fi_pair pair = batch->pairs[i];
        selection->items[i] = (fi_pair){distinct->rows[pair.a], distinct->rows[pair.b]};
        selection->weights[i] = fi_weight(fi_distinct_items_logit(distinct, pair));
    }
}

static int explain(const fi_batch_evaluation *batch, fi_selection *selection) {
    const fi_distinct_items *distinct = batch->distinct;
    FD_FREE double *difference = calloc(distinct->n_features, sizeof(*difference));
    selection->leverages = calloc(batch->count + 1, sizeof(*selection->leverages));
    if (!difference || !selection->leverages)
        return -ENOMEM;
    for (size_t i = 0; i < batch->count; i++) {
        fi_distinct_items_difference(distinct, batch->pairs[i], 1.0, difference);
        selection->leverages[i] = fi_factor_leverage(batch->before, difference);
    }
    return 0;
}

static double efficiency(double logdet, double bound, size_t h) {
    return exp(fmin(logdet - bound, 0.0) / (double)h);
}

static double share_of_gain(const fi_selection *selection) {
    double most = selection->logdet_bound - selection->logdet_before;
    double gain = selection->logdet_after - selection->logdet_before;
    return most > 0.0 ? fmin(fmax(gain / most, 0.0), 1.0) : NAN;
}

/* The random batch is added to M like the chosen one, and compared with the same bound. */
static int compare_with_random(const fi_batch_evaluation *batch, fi_selection *selection) {
    const fi_distinct_items *distinct = batch->distinct;
    FD_FREE double *weights = calloc(batch->count + 1, sizeof(*weights));
    FD_FREE double *gains = calloc(batch->count + 1, sizeof(*gains));
    FD_CLEANUP(fi_factor_freep) fi_factor *after = NULL;
    if (!weights || !gains)
        return -ENOMEM;
    for (size_t i = 0; i < batch->count; i++)
        weights[i] = fi_weight(fi_distinct_items_logit(distinct, batch->random[i]));
    int r = fi_batch_gains(batch->before, distinct, batch->count, batch->random, weights, gains,
                           &after);
    if (r == 0)
        r = fi_batch_statistics_of(distinct, batch->count, batch->random, &selection->random);
    if (r == 0)
        r = fi_batch_statistics_of(distinct, batch->count, batch->pairs, &selection->chosen);
    if (r)
        return r;
    selection->random.logdet = fi_factor_logdet(after);
    selection->random.d_efficiency =
        efficiency(selection->random.logdet, selection->logdet_bound, distinct->n_features);
    selection->chosen.logdet = selection->logdet_after;
    selection->chosen.d_efficiency = selection->d_efficiency;
    return 0;
}

int fi_batch_evaluate(const fi_batch_evaluation *batch, fi_selection *selection) {
    FD_CLEANUP(fi_factor_freep) fi_factor *after = NULL;
    int r = allocate(batch->count, selection);
    if (r)
        return r;
    name_pairs(batch, selection);
    if (batch->options->explain)
        r = explain(batch, selection);
    if (r == 0)
        r = fi_batch_gains(batch->before, batch->distinct, batch->count, batch->pairs,
                           selection->weights, selection->gains, &after);
    if (r)
        return r;
    selection->logdet_before = fi_factor_logdet(batch->before);
    selection->logdet_after = fi_factor_logdet(after);
    r = fi_certify(batch->before, after, batch->options->batch_size, batch->options, &batch->oracle,
                   &selection->logdet_bound);
    if (r)
        return r;
    selection->d_efficiency =
        efficiency(selection->logdet_after, selection->logdet_bound, batch->distinct->n_features);
    selection->gain_share = share_of_gain(selection);
    return batch->options->figures ? compare_with_random(batch, selection) : 0;
}
