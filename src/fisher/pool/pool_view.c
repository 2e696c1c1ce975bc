/* Orders the items of a pool by group, and counts its pairs. */
#include "pool_view.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "pair_keys.h"
#include "weight_floor.h"

void fi_pool_view_free(fi_pool_view *view) {
    if (!view)
        return;
    fi_distinct_items_free(view->distinct);
    free(view->group_ends);
    free(view->before);
    free(view->excluded);
    free(view);
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
    fi_candidates items = {
        .n_items = pool->n_items,
        .n_features = pool->n_features,
        .features = pool->features,
        .rewards = pool->rewards,
    };
    return fi_distinct_items_of_rows(&items, m, rows, &view->distinct);
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

/* Turns the excluded pairs of rows into keys of items. Pairs out of scope are no pairs of the pool
 * anyway. */
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

typedef struct item_reward {
    float reward;
    uint32_t group_end; /* identifies the group */
} item_reward;

static int by_reward(const void *x, const void *y) {
    const item_reward *a = x, *b = y;
    return (a->reward > b->reward) - (a->reward < b->reward);
}

static int by_group_and_reward(const void *x, const void *y) {
    const item_reward *a = x, *b = y;
    int by_group = (a->group_end > b->group_end) - (a->group_end < b->group_end);
    return by_group ? by_group : by_reward(x, y);
}

/* The pair with the smallest gap in reward has the largest v. Sorted by reward, its items are
 * neighbours. Excluded pairs count too. */
static int compare_weights_with_floor(fi_pool_view *view) {
    size_t m = view->distinct->n_items;
    fi_scope scope = view->pool->scope;
    FD_FREE item_reward *items = calloc(m + 1, sizeof(*items));
    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < m; i++)
        items[i] = (item_reward){view->pool->rewards[view->distinct->rows[i]], view->group_ends[i]};
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

/* ---- the view ---- */

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
        r = compare_weights_with_floor(view);
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
