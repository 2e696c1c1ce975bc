/*
 * Candidates drawn from the item table: some prompts, some responses of each, and pairs of those,
 * within a prompt or across prompts, without pairs that have a label. Drawing happens under the
 * state lock for reading, so it is arithmetic and look-ups alone.
 */
#include <errno.h>
#include <string.h>

#include "private.h"
#include "rng.h"

/* The drawn items, prompt by prompt. */
struct pool {
    size_t n_items;
    uint32_t *items; /* [n_items] */
    size_t n_groups;
    size_t *first;    /* [n_groups + 1] first item of each prompt's group */
    uint64_t *before; /* [n_groups + 1] pairs of the groups before each, in the request's mode */
};

static void pool_clear(struct pool *pool) {
    free(pool->items);
    free(pool->first);
    free(pool->before);
}

/* Moves a random choice of `count` to the front. */
static void shuffle_front(fi_rng *rng, uint32_t *values, size_t n, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t j = i + (size_t)fi_rng_below(rng, n - i);
        uint32_t swapped = values[i];
        values[i] = values[j];
        values[j] = swapped;
    }
}

static size_t at_most(size_t wanted, size_t there) {
    return wanted == 0 || wanted > there ? there : wanted;
}

/* Pairs that the items of group g make with each other, or with those of earlier groups. */
static uint64_t pairs_of_group(const struct pool *pool, size_t g, fd_generate_mode mode) {
    uint64_t size = pool->first[g + 1] - pool->first[g];
    return mode == FD_GENERATE_IN_PROMPT ? size * (size - 1) / 2 : size * pool->first[g];
}

static int draw_pool(const fd_item_table *table, size_t n_items, const fd_generate *generate,
                     fi_rng *rng, struct pool *ret) {
    size_t least = generate->mode == FD_GENERATE_IN_PROMPT ? 2 : 1;
    FD_CLEANUP(pool_clear) struct pool drawn = {0};
    FD_FREE uint32_t *prompts = calloc(table->prompt_count + 1, sizeof(*prompts));
    drawn.items = calloc(n_items + 1, sizeof(*drawn.items));
    drawn.first = calloc(table->prompt_count + 1, sizeof(*drawn.first));
    drawn.before = calloc(table->prompt_count + 1, sizeof(*drawn.before));
    if (!prompts || !drawn.items || !drawn.first || !drawn.before)
        return -ENOMEM;

    size_t eligible = 0;
    for (size_t i = 0; i < table->prompt_count; i++)
        if (table->prompts[i]->count >= least)
            prompts[eligible++] = (uint32_t)i;
    drawn.n_groups = at_most(generate->prompts, eligible);
    if (drawn.n_groups < eligible)
        shuffle_front(rng, prompts, eligible, drawn.n_groups);

    for (size_t g = 0; g < drawn.n_groups; g++) {
        const fd_prompt *prompt = table->prompts[prompts[g]];
        uint32_t *items = drawn.items + drawn.n_items;
        size_t count = at_most(generate->responses_per_prompt, prompt->count);
        memcpy(items, prompt->items, prompt->count * sizeof(*items));
        if (count < prompt->count)
            shuffle_front(rng, items, prompt->count, count);
        drawn.n_items += count;
        drawn.first[g + 1] = drawn.n_items;
        drawn.before[g + 1] = drawn.before[g] + pairs_of_group(&drawn, g, generate->mode);
    }
    *ret = drawn;
    memset(&drawn, 0, sizeof(drawn));
    return 0;
}

/* The pair with a number below pool->before[n_groups]. */
static fi_pair pair_of_number(const struct pool *pool, fd_generate_mode mode, uint64_t number) {
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
    if (mode == FD_GENERATE_CROSS_PROMPT) /* an item of this group and one of an earlier group */
        return (fi_pair){pool->items[number % pool->first[low]], group[number / pool->first[low]]};

    uint64_t size = pool->first[low + 1] - pool->first[low];
    uint64_t i = 0; /* row of the upper triangle; groups are small */
    while (number >= size - 1 - i) {
        number -= size - 1 - i;
        i++;
    }
    return (fi_pair){group[i], group[i + 1 + number]};
}

struct drawing {
    const fd_engine *engine;
    const fd_generate *generate;
    const struct pool *pool;
    fi_pair *pairs;
    size_t count;
    size_t most;
};

static bool is_wanted(const struct drawing *drawing, fi_pair pair) {
    return drawing->generate->include_labelled ||
           fd_pair_set_count(&drawing->engine->answers.labelled, pair.a, pair.b) == 0;
}

/* Looks at every pair and keeps a uniform sample of those wanted (Vitter's algorithm R). */
static void draw_from_all(struct drawing *drawing, fi_rng *rng) {
    uint64_t total = drawing->pool->before[drawing->pool->n_groups];
    uint64_t wanted = 0;
    for (uint64_t number = 0; number < total; number++) {
        fi_pair pair = pair_of_number(drawing->pool, drawing->generate->mode, number);
        if (!is_wanted(drawing, pair))
            continue;
        wanted++;
        if (drawing->count < drawing->most) {
            drawing->pairs[drawing->count++] = pair;
        } else {
            uint64_t place = fi_rng_below(rng, wanted);
            if (place < drawing->most)
                drawing->pairs[place] = pair;
        }
    }
}

/* Draws numbers until enough pairs are wanted and new; false if too many were not. */
static bool draw_by_number(struct drawing *drawing, fi_rng *rng, fd_pair_set *drawn) {
    uint64_t total = drawing->pool->before[drawing->pool->n_groups];
    for (size_t tries = 4 * drawing->most; tries > 0 && drawing->count < drawing->most; tries--) {
        fi_pair pair =
            pair_of_number(drawing->pool, drawing->generate->mode, fi_rng_below(rng, total));
        if (is_wanted(drawing, pair) && fd_pair_set_add(drawn, pair.a, pair.b) == 0)
            drawing->pairs[drawing->count++] = pair;
    }
    return drawing->count == drawing->most;
}

static int draw_pairs(const fd_engine *engine, const fd_generate *generate, const struct pool *pool,
                      fi_rng *rng, fi_pair **ret, size_t *ret_count) {
    uint64_t total = pool->n_groups > 0 ? pool->before[pool->n_groups] : 0;
    size_t most = generate->pairs < total ? generate->pairs : (size_t)total;
    FD_FREE fi_pair *pairs = calloc(most + 1, sizeof(*pairs));
    if (!pairs)
        return -ENOMEM;

    struct drawing drawing = {engine, generate, pool, pairs, 0, most};
    bool enough = most == 0;
    if (!enough && total / 4 > most) {
        FD_CLEANUP(fd_pair_set_clear) fd_pair_set drawn = {0};
        int r = fd_pair_set_reserve(&drawn, most);
        if (r < 0)
            return r;
        enough = draw_by_number(&drawing, rng, &drawn);
    }
    if (!enough) {
        drawing.count = 0;
        draw_from_all(&drawing, rng);
    }
    *ret_count = drawing.count;
    *ret = FD_STEAL(pairs);
    return 0;
}

int fd_generate_pairs(fd_engine *engine, const fd_generate *generate, uint64_t seed,
                      fd_snapshot **ret_snapshot, fi_pair **ret, size_t *ret_count,
                      fd_fault *fault) {
    fi_rng rng = fi_rng_seeded(seed);
    FD_CLEANUP(pool_clear) struct pool pool = {0};
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    int r = 0;

    (void)pthread_rwlock_rdlock(&engine->state_lock);
    if (engine->snapshot) {
        snapshot = fd_snapshot_reference(engine->snapshot);
        r = draw_pool(&engine->items, engine->items.count, generate, &rng, &pool);
        if (r == 0)
            r = draw_pairs(engine, generate, &pool, &rng, ret, ret_count);
    }
    (void)pthread_rwlock_unlock(&engine->state_lock);
    if (!snapshot)
        return fd_fault_set(fault, -EAGAIN, "", "there are no items yet: add some first");
    if (r < 0)
        return r;
    *ret_snapshot = FD_STEAL(snapshot);
    return 0;
}
