/* Sums the information of the targets, each weighted by what is left to learn about it. */
#include "target_information.h"

#include <errno.h>
#include <stdlib.h>

#include "weight_floor.h"
#include "whitening.h"

/* ---- shares ---- */

static int compare_groups(const void *a, const void *b) {
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    return (first > second) - (first < second);
}

/* The group of a candidate; FI_NO_GROUP if its items are not of one. */
static uint32_t group_of(const fi_problem *problem, fi_pair pair) {
    const uint32_t *rows = problem->distinct->rows;
    uint32_t a = problem->groups[rows[pair.a]], b = problem->groups[rows[pair.b]];
    return a == b ? a : FI_NO_GROUP;
}

/* The first index in the sorted groups that is not below `group`. */
static size_t first_at_least(const uint32_t *sorted, size_t n, uint64_t group) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] < group)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Divides the weight of each candidate by the number of candidates of its group. */
static int share_by_group(const fi_problem *problem, double *weights) {
    size_t n = problem->distinct->n_pairs;
    FD_FREE uint32_t *sorted = calloc(n + 1, sizeof(*sorted));
    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        sorted[i] = group_of(problem, problem->distinct->pairs[i]);
    qsort(sorted, n, sizeof(*sorted), compare_groups);
    for (size_t i = 0; i < n; i++) {
        uint32_t group = group_of(problem, problem->distinct->pairs[i]);
        if (group == FI_NO_GROUP)
            continue;
        size_t first = first_at_least(sorted, n, group);
        weights[i] /= (double)(first_at_least(sorted, n, (uint64_t)group + 1) - first);
    }
    return 0;
}

/* ---- weights ---- */

/* weights [n_pairs] = v, or 1 if none reaches the floor */
static void weigh(const fi_distinct_items *targets, double *weights) {
    double largest = 0.0;
    for (size_t i = 0; i < targets->n_pairs; i++) {
        weights[i] = fi_weight(fi_distinct_items_logit(targets, targets->pairs[i]));
        largest = weights[i] > largest ? weights[i] : largest;
    }
    for (size_t i = 0; i < targets->n_pairs && largest < FI_WEIGHT_FLOOR; i++)
        weights[i] = 1.0;
}

/* weights [n_pairs]: v becomes v / (1 + v d' M^-1 d). */
static int discount(const fi_factor *factor, const fi_distinct_items *targets, double *weights) {
    FD_FREE float *whitened = calloc(targets->n_items + 1, targets->n_features * sizeof(*whitened));
    FD_FREE double *leverages = calloc(targets->n_pairs + 1, sizeof(*leverages));
    if (!whitened || !leverages)
        return -ENOMEM;
    int r = fi_whiten(factor, targets, whitened);
    if (r)
        return r;
    fi_whitened_leverages(targets, whitened, leverages);
    for (size_t i = 0; i < targets->n_pairs; i++)
        weights[i] /= 1.0 + weights[i] * leverages[i];
    return 0;
}

/* ---- the sum ---- */

int fi_target_information_new(const fi_problem *problem, fi_information **ret) {
    const fi_candidates *given = problem->options->targets;
    FD_CLEANUP(fi_distinct_items_freep) fi_distinct_items *own = NULL;
    FD_CLEANUP(fi_information_freep) fi_information *information = NULL;
    int r = given ? fi_distinct_items_new(given, &own) : 0;
    if (r)
        return r;
    const fi_distinct_items *targets = given ? own : problem->distinct;
    FD_FREE double *weights = calloc(targets->n_pairs + 1, sizeof(*weights));
    if (!weights)
        return -ENOMEM;
    weigh(targets, weights);
    r = discount(problem->factor, targets, weights);
    if (r == 0 && !given && problem->groups)
        r = share_by_group(problem, weights);
    if (r == 0)
        r = fi_information_new(targets->n_features, &information);
    if (r == 0)
        r = fi_information_add_weighted(information, targets, weights);
    if (r == 0)
        *ret = FD_STEAL(information);
    return r;
}
