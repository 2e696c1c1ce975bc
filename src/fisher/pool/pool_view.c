#include "pool_view.h"

#include <math.h>
#include <string.h>

#include "strategy.h"

void fi_pool_view_free(fi_pool_view *view) {
    if (!view)
        return;
    fi_distinct_items_free(view->distinct);
    free(view->group_ends);
    free(view->before);
    free(view->excluded);
    free(view);
}

/* ---- keys of pairs ---- */

static int by_key(const void *x, const void *y) {
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

void fi_sort_keys(uint64_t *keys, size_t n) {
    if (n > 1)
        qsort(keys, n, sizeof(*keys), by_key);
}

bool fi_key_is_among(uint64_t key, const uint64_t *keys, size_t n) {
    return n > 0 && bsearch(&key, keys, n, sizeof(*keys), by_key) != NULL;
}

/* ---- order ---- */

/* A member as one number: its group, then its row. */
static uint64_t member_key(const fi_pool *pool, uint32_t row) {
    return (uint64_t)(pool->groups ? pool->groups[row] : 0) << 32 | row;
}

static int check(const fi_pool *pool) {
    if (pool->n_features == 0 || pool->n_features > FI_WIDTH_MAX || pool->n_members >= UINT32_MAX ||
        pool->n_items >= UINT32_MAX || (!pool->groups && pool->scope != FI_SCOPE_ANY))
        return -EINVAL;
    for (size_t i = 0; i < pool->n_members; i++)
        if (pool->members[i] >= pool->n_items)
            return -EINVAL;
    for (size_t i = 0; i < pool->n_excluded; i++)
        if (pool->excluded[i].a >= pool->n_items || pool->excluded[i].b >= pool->n_items)
            return -EINVAL;
    return 0;
}

static int order_members(fi_pool_view *view) {
    const fi_pool *pool = view->pool;
    size_t m = pool->n_members;
    FD_FREE uint64_t *keys = calloc(m + 1, sizeof(*keys));
    FD_FREE uint32_t *rows = calloc(m + 1, sizeof(*rows));
    view->group_ends = calloc(m + 1, sizeof(*view->group_ends));
    if (!keys || !rows || !view->group_ends)
        return -ENOMEM;
    for (size_t i = 0; i < m; i++)
        keys[i] = member_key(pool, pool->members[i]);
    fi_sort_keys(keys, m);
    for (size_t i = 0; i < m; i++) {
        rows[i] = (uint32_t)keys[i];
        if (i > 0 && keys[i] == keys[i - 1])
            return -EINVAL;
    }
    for (size_t i = m; i-- > 0;)
        view->group_ends[i] = i + 1 < m && keys[i + 1] >> 32 == keys[i] >> 32
                                  ? view->group_ends[i + 1]
                                  : (uint32_t)i + 1;
    return fi_distinct_items_of_pool(pool, rows, &view->distinct);
}

static int count_pairs(fi_pool_view *view) {
    uint32_t m = (uint32_t)view->distinct->n_items;
    view->before = calloc((size_t)m + 1, sizeof(*view->before));
    if (!view->before)
        return -ENOMEM;
    for (uint32_t i = 0; i < m; i++)
        view->before[i + 1] =
            view->before[i] + fi_partners_last(view, i) - fi_partners_first(view, i);
    return 0;
}

/* ---- exclusion ---- */

static bool is_in_scope(const fi_pool_view *view, uint32_t a, uint32_t b) {
    return b >= fi_partners_first(view, a) && b < fi_partners_last(view, a);
}

/* Turns pairs of rows into keys of items; what is out of scope is none anyway. */
static int list_excluded(fi_pool_view *view) {
    const fi_pool *pool = view->pool;
    FD_FREE uint32_t *numbers = calloc(pool->n_items + 1, sizeof(*numbers));
    view->excluded = calloc(pool->n_excluded + 1, sizeof(*view->excluded));
    if (!numbers || !view->excluded)
        return -ENOMEM;
    for (size_t i = 0; i < view->distinct->n_items; i++)
        numbers[view->distinct->rows[i]] = (uint32_t)i + 1;
    size_t count = 0;
    for (size_t i = 0; i < pool->n_excluded; i++) {
        uint32_t a = numbers[pool->excluded[i].a], b = numbers[pool->excluded[i].b];
        if (a == 0 || b == 0)
            continue;
        fi_pair pair = a < b ? (fi_pair){a - 1, b - 1} : (fi_pair){b - 1, a - 1};
        if (is_in_scope(view, pair.a, pair.b))
            view->excluded[count++] = fi_pair_key(pair);
    }
    fi_sort_keys(view->excluded, count);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || view->excluded[i] != view->excluded[view->n_excluded - 1])
            view->excluded[view->n_excluded++] = view->excluded[i];
    view->n_pairs = view->before[view->distinct->n_items] - view->n_excluded;
    return 0;
}

/* ---- weights ---- */

typedef struct placed {
    float reward;
    uint32_t group_end; /* stands for the group */
} placed;

static int by_reward(const void *x, const void *y) {
    const placed *a = x, *b = y;
    return (a->reward > b->reward) - (a->reward < b->reward);
}

static int by_group_and_reward(const void *x, const void *y) {
    const placed *a = x, *b = y;
    int by_group = (a->group_end > b->group_end) - (a->group_end < b->group_end);
    return by_group ? by_group : by_reward(x, y);
}

/* The smallest gap in reward has the largest v; it is between neighbours, excluded or not. */
static int find_whether_weights_tell(fi_pool_view *view) {
    size_t m = view->distinct->n_items;
    fi_scope scope = view->pool->scope;
    FD_FREE placed *items = calloc(m + 1, sizeof(*items));
    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < m; i++)
        items[i] = (placed){view->pool->rewards[view->distinct->rows[i]], view->group_ends[i]};
    qsort(items, m, sizeof(*items), scope == FI_SCOPE_WITHIN ? by_group_and_reward : by_reward);
    double largest = 0.0;
    for (size_t i = 1; i < m; i++) {
        bool same = items[i].group_end == items[i - 1].group_end;
        if (scope == FI_SCOPE_ANY || same == (scope == FI_SCOPE_WITHIN))
            largest =
                fmax(largest, fi_weight((double)items[i].reward - (double)items[i - 1].reward));
    }
    view->weigh_alike = largest < FI_WEIGHT_FLOOR;
    return 0;
}

/* ---- life ---- */

int fi_pool_view_new(const fi_pool *pool, fi_pool_view **ret) {
    int r = check(pool);
    if (r)
        return r;
    FD_CLEANUP(fi_pool_view_freep) fi_pool_view *view = calloc(1, sizeof(*view));
    if (!view)
        return -ENOMEM;
    view->pool = pool;
    r = order_members(view);
    if (r == 0)
        r = count_pairs(view);
    if (r == 0)
        r = list_excluded(view);
    if (r == 0)
        r = find_whether_weights_tell(view);
    if (r)
        return r;
    *ret = FD_STEAL(view);
    return 0;
}

fi_pair fi_pool_pair(const fi_pool_view *view, uint64_t number) {
    uint32_t low = 0, high = (uint32_t)view->distinct->n_items;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (view->before[middle] <= number)
            low = middle;
        else
            high = middle;
    }
    return (fi_pair){low, fi_partners_first(view, low) + (uint32_t)(number - view->before[low])};
}

uint64_t fi_pool_view_count(const fi_pool_view *view) {
    return view->n_pairs;
}

/* ---- places under entropy ---- */

/* rewards [m] ascending: pairs of them whose gap is below `gap` */
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

/* gaps [n_excluded] ascending: those of the pairs that are none. */
static void measure_excluded(const fi_pool_view *view, double *gaps) {
    for (size_t i = 0; i < view->n_excluded; i++) {
        fi_pair none = {(uint32_t)(view->excluded[i] >> 32), (uint32_t)view->excluded[i]};
        gaps[i] = fabs(fi_distinct_items_logit(view->distinct, none));
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
