/* Draws prompts, then items of each prompt, and finds pairs by their numbers. */
#include "numbered_pool.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine_state.h"
#include "thread.h"

/* Items that are copied at once: labels wait meanwhile. */
enum { ITEMS_AT_ONCE = 8192 };

void fd_numbered_pool_clear(fd_numbered_pool *pool) {
    free(pool->items);
    free(pool->first);
    free(pool->before);
    memset(pool, 0, sizeof(*pool));
}

/* ---- drawing ---- */

static void swap_with_later(fd_rng *rng, uint32_t *values, size_t n, size_t i) {
    size_t j = i + (size_t)fd_rng_below(rng, n - i);
    uint32_t swapped = values[i];
    values[i] = values[j];
    values[j] = swapped;
}

static size_t at_most(size_t wanted, size_t available) {
    return wanted == 0 || wanted > available ? available : wanted;
}

/* Pairs in scope of the items of group g: with each other, and with those of earlier groups. */
static uint64_t pairs_of_group(const fd_numbered_pool *pool, size_t g) {
    uint64_t size = pool->first[g + 1] - pool->first[g];
    uint64_t within = size * (size - 1) / 2, across = size * pool->first[g];
    return (pool->scope != FI_SCOPE_ACROSS ? within : 0) +
           (pool->scope != FI_SCOPE_WITHIN ? across : 0);
}

/* Items of a prompt that the snapshot has: the first ones, as they are in the order of arrival. */
static size_t count_known(const fd_prompt *prompt, size_t n_items) {
    size_t count = prompt->count;
    while (count > 0 && fd_prompt_items(prompt)[count - 1] >= n_items)
        count--;
    return count;
}

/* The prompts that may have a pair: within prompts, those with two items. */
static int list_prompts(fd_engine *engine, fi_scope scope, uint32_t **ret, size_t *ret_count) {
    FD_READ_LOCKED(&engine->state_lock);
    const fd_item_table *table = &engine->items;
    bool within = scope == FI_SCOPE_WITHIN;
    size_t n = within ? table->paired_count : table->prompt_count;
    uint32_t *prompts = reallocarray(NULL, n + 1, sizeof(*prompts));
    if (!prompts)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        prompts[i] = within ? table->paired[i] : (uint32_t)i;
    *ret = prompts;
    *ret_count = n;
    return 0;
}

static void add_group(fd_numbered_pool *pool, const fd_prompt *prompt, size_t known,
                      size_t responses, fd_rng *rng) {
    uint32_t *items = pool->items + pool->n_items;
    size_t count = at_most(responses, known), g = pool->n_groups++;
    memcpy(items, fd_prompt_items(prompt), known * sizeof(*items));
    for (size_t i = 0; count < known && i < count; i++)
        swap_with_later(rng, items, known, i);
    pool->n_items += count;
    pool->first[g + 1] = pool->n_items;
    pool->before[g + 1] = pool->before[g] + pairs_of_group(pool, g);
}

struct draw {
    fd_engine *engine;
    size_t n_items; /* of the snapshot */
    const fd_sampling *sampling;
    fd_rng *rng;
    uint32_t *prompts; /* [n_prompts], those before `next` were looked at */
    size_t n_prompts, next;
};

/* Adds groups for a moment; false once there are enough. */
static bool add_groups(struct draw *draw, fd_numbered_pool *pool) {
    const fd_sampling *sampling = draw->sampling;
    size_t least = sampling->scope == FI_SCOPE_WITHIN ? 2 : 1;
    size_t wanted = at_most(sampling->prompts, draw->n_prompts);
    FD_READ_LOCKED(&draw->engine->state_lock);
    for (size_t copied = 0; copied < ITEMS_AT_ONCE;) {
        if (draw->next == draw->n_prompts || pool->n_groups == wanted)
            return false;
        if (wanted < draw->n_prompts)
            swap_with_later(draw->rng, draw->prompts, draw->n_prompts, draw->next);
        const fd_prompt *prompt = &draw->engine->items.prompts[draw->prompts[draw->next++]];
        size_t known = count_known(prompt, draw->n_items);
        copied += known + 1;
        if (known >= least)
            add_group(pool, prompt, known, sampling->responses_per_prompt, draw->rng);
    }
    return true;
}

int fd_numbered_pool_draw(fd_engine *engine, const fd_snapshot *snapshot,
                          const fd_sampling *sampling, fd_rng *rng, fd_numbered_pool *ret) {
    FD_CLEANUP(fd_numbered_pool_clear) fd_numbered_pool pool = {.scope = sampling->scope};
    FD_FREE uint32_t *prompts = NULL;
    size_t n_prompts = 0;
    int r = list_prompts(engine, sampling->scope, &prompts, &n_prompts);
    if (r < 0)
        return r;
    pool.items = calloc(snapshot->items + 1, sizeof(*pool.items));
    pool.first = calloc(n_prompts + 1, sizeof(*pool.first));
    pool.before = calloc(n_prompts + 1, sizeof(*pool.before));
    if (!pool.items || !pool.first || !pool.before)
        return -ENOMEM;
    struct draw draw = {engine, snapshot->items, sampling, rng, prompts, n_prompts, 0};
    while (add_groups(&draw, &pool))
        continue;
    *ret = pool;
    memset(&pool, 0, sizeof(pool));
    return 0;
}

/* ---- numbers ---- */

uint64_t fd_numbered_pool_count(const fd_numbered_pool *pool) {
    return pool->before[pool->n_groups];
}

/* The row of an entry of the strict upper triangle of a matrix [size x size], whose entries are
 * numbered row by row: the last row whose first number is not larger. */
static uint64_t row_of_triangle(uint64_t size, uint64_t number) {
    double side = (double)size - 0.5;
    uint64_t row = (uint64_t)fmax(0.0, side - sqrt(fmax(0.0, side * side - 2.0 * (double)number)));
    while (row > 0 && row * (size - 1) - row * (row - 1) / 2 > number)
        row--;
    while ((row + 1) * (size - 1) - (row + 1) * row / 2 <= number)
        row++;
    return row;
}

fi_pair fd_pair_of_items(const uint32_t *items, size_t size, uint64_t number) {
    uint64_t i = row_of_triangle(size, number);
    number -= i * (size - 1) - i * (i - 1) / 2;
    return (fi_pair){items[i], items[i + 1 + number]};
}

fi_pair fd_numbered_pool_pair(const fd_numbered_pool *pool, uint64_t number) {
    size_t low = 0, high = pool->n_groups;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (pool->before[middle] <= number)
            low = middle;
        else
            high = middle;
    }
    number -= pool->before[low];
    const uint32_t *group = pool->items + pool->first[low];
    uint64_t size = pool->first[low + 1] - pool->first[low], earlier = pool->first[low];
    if (pool->scope != FI_SCOPE_WITHIN) {
        if (number < size * earlier) /* an item of this group and one of an earlier group */
            return (fi_pair){pool->items[number % earlier], group[number / earlier]};
        number -= size * earlier;
    }
    return fd_pair_of_items(group, size, number);
}
