/* Counts the pairs of a pool with smaller gaps in reward, without a list of them. */
#include "pool_entropy_ranks.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "cancellation.h"
#include "pair_keys.h"

/* The number of pairs of rewards [m] whose gap is below `gap`. The rewards are ascending. */
static uint64_t count_closer(size_t m, const float *rewards, double gap) {
    uint64_t count = 0;
    for (size_t low = 0, high = 0; high < m; high++) {
        while (low < high && (double)rewards[high] - (double)rewards[low] >= gap)
            low++;
        count += high - low;
    }
    return count;
}

static int by_number(const void *x, const void *y) {
    float a = *(const float *)x, b = *(const float *)y;
    return (a > b) - (a < b);
}

static int by_gap(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* gaps [n_excluded]: those of the excluded pairs, ascending. */
static void measure_excluded(const fi_pool_view *view, double *gaps) {
    for (size_t i = 0; i < view->n_excluded; i++) {
        gaps[i] = fabs(fi_distinct_items_logit(view->distinct, fi_pair_of_key(view->excluded[i])));
    }
    if (view->n_excluded > 1)
        qsort(gaps, view->n_excluded, sizeof(*gaps), by_gap);
}

static size_t count_below(size_t n, const double *ascending, double limit) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ascending[middle] < limit)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int fi_pool_entropy_ranks(const fi_pool_view *view, const fi_selection_options *options, size_t k,
                          const fi_pair *pairs, uint64_t *ranks) {
    size_t m = view->distinct->n_items;
    FD_FREE float *grouped = calloc(m + 1, sizeof(*grouped));
    FD_FREE float *all = calloc(m + 1, sizeof(*all));
    FD_FREE double *excluded = calloc(view->n_excluded + 1, sizeof(*excluded));
    if (!grouped || !all || !excluded)
        return -ENOMEM;
    for (size_t i = 0; i < m; i++)
        all[i] = grouped[i] = view->pool->rewards[view->distinct->rows[i]];
    qsort(all, m, sizeof(*all), by_number);
    for (size_t i = 0; i < m; i = view->group_ends[i])
        qsort(grouped + i, view->group_ends[i] - i, sizeof(*grouped), by_number);
    measure_excluded(view, excluded);
    int r = 0;
    for (size_t p = 0; p < k && r == 0; p++) {
        double gap = fabs(fi_distinct_items_logit(view->distinct, pairs[p]));
        uint64_t within = 0;
        for (size_t i = 0; view->pool->scope != FI_SCOPE_ANY && i < m; i = view->group_ends[i])
            within += count_closer(view->group_ends[i] - i, grouped + i, gap);
        ranks[p] = view->pool->scope == FI_SCOPE_WITHIN ? within : count_closer(m, all, gap);
        if (view->pool->scope == FI_SCOPE_ACROSS)
            ranks[p] -= within;
        ranks[p] -= count_below(view->n_excluded, excluded, gap);
        r = fi_go_on(options, (double)p / (double)k);
    }
    return r;
}
