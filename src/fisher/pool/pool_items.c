/* Orders the items of a pool by reward, and measures each for the screens. */
#include "pool_items.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "whitening.h"

/* exp(r) and exp(-r) are cut at this distance from the middle of the rewards, so that products of
 * two stay finite in float32. A cut can only make a weight too large. */
#define EXPONENT_MAX 40.0

void fi_pool_items_clear(fi_pool_items *items) {
    free(items->order);
    free(items->ordered);
    free(items->squares);
    free(items->rising);
    free(items->falling);
    free(items->rewards);
}

typedef struct ordered_item {
    float reward;
    uint32_t item;
} ordered_item;

static int by_reward(const void *x, const void *y) {
    const ordered_item *a = x, *b = y;
    int by_number = (a->reward > b->reward) - (a->reward < b->reward);
    return by_number ? by_number : (a->item > b->item) - (a->item < b->item);
}

static int order_items(fi_pool_items *items, const fi_pool_top_k *query) {
    const fi_distinct_items *distinct = query->view->distinct;
    size_t h = distinct->n_features;
    FD_FREE ordered_item *sorting = calloc(items->m + 1, sizeof(*sorting));
    if (!sorting)
        return -ENOMEM;
    for (uint32_t i = 0; i < items->m; i++)
        sorting[i] = (ordered_item){distinct->rewards[distinct->rows[i]], i};
    bool by_rewards = query->view->pool->scope != FI_SCOPE_WITHIN;
    if (by_rewards)
        qsort(sorting, items->m, sizeof(*sorting), by_reward);
    for (size_t i = 0; i < items->m; i++)
        items->order[i] = sorting[i].item;
    items->whitened = query->whitened;
    if (!by_rewards || !fi_pool_needs_leverages(query))
        return 0;
    items->ordered = malloc((items->m + 1) * h * sizeof(*items->ordered));
    if (!items->ordered)
        return -ENOMEM;
    for (size_t i = 0; i < items->m; i++)
        memcpy(items->ordered + i * h, query->whitened + items->order[i] * h, h * sizeof(float));
    items->whitened = items->ordered;
    return 0;
}

/* float32 products of h terms have an error of at most about h units of rounding of |u_i| |u_j|,
 * which is at most half of |u_i|^2 + |u_j|^2. */
static void measure_items(fi_pool_items *items, const fi_pool_top_k *query) {
    const fi_distinct_items *distinct = query->view->distinct;
    size_t h = distinct->n_features;
    double margin = 1.0 + ((double)h + 16.0) * (double)FLT_EPSILON;
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < items->m; i++) {
        uint32_t item = items->order[i];
        bool closed = query->constraints && fi_constraints_is_item_closed(query->constraints, item);
        double square = fi_pool_needs_leverages(query)
                            ? fi_whitened_square(h, items->whitened + i * h) * margin
                            : 0.0;
        items->squares[i] = closed ? -INFINITY : (float)square;
        items->rewards[i] = distinct->rewards[distinct->rows[item]];
        low = fmin(low, (double)items->rewards[i]);
        high = fmax(high, (double)items->rewards[i]);
    }
    double middle = (low + high) / 2.0;
    for (size_t i = 0; i < items->m; i++) {
        double reward = fmax(-EXPONENT_MAX, fmin((double)items->rewards[i] - middle, EXPONENT_MAX));
        items->rising[i] = (float)exp(reward);
        items->falling[i] = (float)exp(-reward);
    }
}

int fi_pool_items_init(fi_pool_items *items, const fi_pool_top_k *query) {
    size_t m = query->view->distinct->n_items;
    *items = (fi_pool_items){
        .m = m,
        .order = calloc(m + 1, sizeof(uint32_t)),
        .squares = calloc(m + 1, sizeof(float)),
        .rising = calloc(m + 1, sizeof(float)),
        .falling = calloc(m + 1, sizeof(float)),
        .rewards = calloc(m + 1, sizeof(float)),
    };
    if (!items->order || !items->squares || !items->rising || !items->falling || !items->rewards)
        return -ENOMEM;
    int r = order_items(items, query);
    if (r == 0)
        measure_items(items, query);
    return r;
}
