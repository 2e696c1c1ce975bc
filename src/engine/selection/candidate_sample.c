/*
 * Draws candidates: first prompts, then items of each prompt, then pairs of those items in the
 * scope that was asked for, without pairs that have a label. It all happens under the state lock,
 * so it does nothing but arithmetic and lookups.
 */
#include "candidate_sample.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine_state.h"
#include "rng.h"
#include "thread.h"

/* The drawn items, prompt by prompt. Their pairs are numbered in the order of the groups. */
struct pool {
    size_t n_items;
    uint32_t *items; /* [n_items] */
    size_t n_groups;
    size_t *first;    /* [n_groups + 1] first item of each group: the items of a prompt */
    uint64_t *before; /* [n_groups + 1] pairs in scope of the groups before each */
};

static void pool_clear(struct pool *pool) {
    free(pool->items);
    free(pool->first);
    free(pool->before);
}

/* Moves a random choice of `count` to the front. */
static void shuffle_front(fd_rng *rng, uint32_t *values, size_t n, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t j = i + (size_t)fd_rng_below(rng, n - i);
        uint32_t swapped = values[i];
        values[i] = values[j];
        values[j] = swapped;
    }
}

static size_t at_most(size_t wanted, size_t available) {
    return wanted == 0 || wanted > available ? available : wanted;
}

/* Pairs in scope of the items of group g: with each other, and with those of earlier groups. */
static uint64_t pairs_of_group(const struct pool *pool, size_t g, fi_scope scope) {
    uint64_t size = pool->first[g + 1] - pool->first[g];
    uint64_t within = size * (size - 1) / 2, across = size * pool->first[g];
    return (scope != FI_SCOPE_ACROSS ? within : 0) + (scope != FI_SCOPE_WITHIN ? across : 0);
}

/* Items of a prompt that the snapshot has: the first ones, as they are in the order of arrival. */
static size_t count_known(const fd_prompt *prompt, size_t n_items) {
    size_t count = prompt->count;
    while (count > 0 && prompt->items[count - 1] >= n_items)
        count--;
    return count;
}

static int draw_pool(const fd_item_table *table, size_t n_items, const fd_sampling *sampling,
                     fd_rng *rng, struct pool *ret) {
    size_t least = sampling->scope == FI_SCOPE_WITHIN ? 2 : 1;
    FD_CLEANUP(pool_clear) struct pool drawn = {0};
    FD_FREE uint32_t *prompts = calloc(table->prompt_count + 1, sizeof(*prompts));
    drawn.items = calloc(n_items + 1, sizeof(*drawn.items));
    drawn.first = calloc(table->prompt_count + 1, sizeof(*drawn.first));
    drawn.before = calloc(table->prompt_count + 1, sizeof(*drawn.before));
    if (!prompts || !drawn.items || !drawn.first || !drawn.before)
        return -ENOMEM;

    size_t eligible = 0;
    for (size_t i = 0; i < table->prompt_count; i++)
        if (count_known(table->prompts[i], n_items) >= least)
            prompts[eligible++] = (uint32_t)i;
    drawn.n_groups = at_most(sampling->prompts, eligible);
    if (drawn.n_groups < eligible)
        shuffle_front(rng, prompts, eligible, drawn.n_groups);

    for (size_t g = 0; g < drawn.n_groups; g++) {
        const fd_prompt *prompt = table->prompts[prompts[g]];
        uint32_t *items = drawn.items + drawn.n_items;
        size_t known = count_known(prompt, n_items);
        size_t count = at_most(sampling->responses_per_prompt, known);
        memcpy(items, prompt->items, known * sizeof(*items));
        if (count < known)
            shuffle_front(rng, items, known, count);
        drawn.n_items += count;
        drawn.first[g + 1] = drawn.n_items;
        drawn.before[g + 1] = drawn.before[g] + pairs_of_group(&drawn, g, sampling->scope);
    }
    *ret = drawn;
    memset(&drawn, 0, sizeof(drawn));
    return 0;
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

/* The pair with a number below pool->before[n_groups]. */
static fi_pair pair_of_number(const struct pool *pool, fi_scope scope, uint64_t number) {
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
    if (scope != FI_SCOPE_WITHIN) {
        if (number < size * earlier) /* an item of this group and one of an earlier group */
            return (fi_pair){pool->items[number % earlier], group[number / earlier]};
        number -= size * earlier;
    }
    uint64_t i = row_of_triangle(size, number);
    number -= i * (size - 1) - i * (i - 1) / 2;
    return (fi_pair){group[i], group[i + 1 + number]};
}

struct drawing {
    const fd_engine *engine;
    const fd_sampling *sampling;
    const fd_pair_set *unwanted;
    const struct pool *pool;
    fi_pair *pairs;
    size_t count;
    size_t most;
};

static bool is_wanted(const struct drawing *drawing, fi_pair pair) {
    return fd_pair_set_count(drawing->unwanted, pair.a, pair.b) == 0 &&
           (drawing->sampling->include_labelled ||
            fd_pair_set_count(&drawing->engine->labels.labelled, pair.a, pair.b) == 0);
}

/* Visits every pair and keeps a uniform sample of the wanted ones (Vitter's algorithm R). */
static void draw_from_all(struct drawing *drawing, fd_rng *rng) {
    uint64_t total = drawing->pool->before[drawing->pool->n_groups];
    uint64_t wanted = 0;
    for (uint64_t number = 0; number < total; number++) {
        fi_pair pair = pair_of_number(drawing->pool, drawing->sampling->scope, number);
        if (!is_wanted(drawing, pair))
            continue;
        wanted++;
        if (drawing->count < drawing->most) {
            drawing->pairs[drawing->count++] = pair;
        } else {
            uint64_t slot = fd_rng_below(rng, wanted);
            if (slot < drawing->most)
                drawing->pairs[slot] = pair;
        }
    }
}

/* Draws pairs by number until there are enough; false if too many of them were unwanted or drawn
 * before. */
static bool draw_by_number(struct drawing *drawing, fd_rng *rng, fd_pair_set *drawn) {
    uint64_t total = drawing->pool->before[drawing->pool->n_groups];
    for (size_t tries = 4 * drawing->most; tries > 0 && drawing->count < drawing->most; tries--) {
        fi_pair pair =
            pair_of_number(drawing->pool, drawing->sampling->scope, fd_rng_below(rng, total));
        if (is_wanted(drawing, pair) && fd_pair_set_add(drawn, pair.a, pair.b) == 0)
            drawing->pairs[drawing->count++] = pair;
    }
    return drawing->count == drawing->most;
}

static int draw_pairs(const fd_engine *engine, const fd_sampling *sampling,
                      const fd_pair_set *unwanted, const struct pool *pool, fd_rng *rng,
                      fd_candidate_sample *ret) {
    uint64_t total = pool->n_groups > 0 ? pool->before[pool->n_groups] : 0;
    size_t most = sampling->pairs < total ? sampling->pairs : (size_t)total;
    ret->pairs = calloc(most + 1, sizeof(*ret->pairs));
    if (!ret->pairs)
        return -ENOMEM;

    struct drawing drawing = {engine, sampling, unwanted, pool, ret->pairs, 0, most};
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
    ret->n_pairs = drawing.count;
    return 0;
}

/* Lists every labelled pair of the snapshot's items. */
static int list_labelled(const fd_pair_set *labelled, size_t n_items, fd_candidate_sample *ret) {
    ret->labelled = calloc(labelled->used + 1, sizeof(*ret->labelled));
    if (!ret->labelled)
        return -ENOMEM;
    for (size_t i = 0; i < labelled->capacity; i++) {
        fi_pair pair = {(uint32_t)(labelled->slots[i].key >> 32), (uint32_t)labelled->slots[i].key};
        if (labelled->slots[i].count > 0 && pair.a < n_items && pair.b < n_items)
            ret->labelled[ret->n_labelled++] = pair;
    }
    return 0;
}

static int draw(fd_engine *engine, const fd_snapshot *snapshot, const fd_sampling *sampling,
                fd_rng *rng, const fd_pair_set *unwanted, struct pool *pool,
                fd_candidate_sample *ret) {
    FD_READ_LOCKED(&engine->state_lock);
    int r = draw_pool(&engine->items, snapshot->items, sampling, rng, pool);
    if (r == 0 && !sampling->all)
        r = draw_pairs(engine, sampling, unwanted, pool, rng, ret);
    else if (r == 0 && !sampling->include_labelled)
        r = list_labelled(&engine->labels.labelled, snapshot->items, ret);
    return r;
}

int fd_candidate_sample_draw(fd_engine *engine, const fd_snapshot *snapshot,
                             const fd_sampling *sampling, uint64_t seed,
                             const fd_pair_set *unwanted, fd_candidate_sample *ret) {
    fd_rng rng = fd_rng_seeded(seed);
    FD_CLEANUP(pool_clear) struct pool pool = {0};
    FD_CLEANUP(fd_candidate_sample_clear) fd_candidate_sample sample = {0};
    int r = draw(engine, snapshot, sampling, &rng, unwanted, &pool, &sample);
    if (r < 0)
        return r;
    if (sampling->all) {
        sample.n_members = pool.n_items;
        sample.members = FD_STEAL(pool.items);
    }
    *ret = sample;
    memset(&sample, 0, sizeof(sample));
    return 0;
}

/* ---- contested pairs ---- */

static double gap_of(const fd_snapshot *snapshot, fi_pair pair) {
    return fabs((double)*fd_growing_matrix_row(snapshot->rewards, pair.a) -
                (double)*fd_growing_matrix_row(snapshot->rewards, pair.b));
}

static int compare_numbers(const void *a, const void *b) {
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

int fd_candidate_sample_keep_contested(fd_candidate_sample *sample, const fd_snapshot *snapshot,
                                       double share, size_t least) {
    size_t n = sample->n_pairs, kept = (size_t)ceil(share * (double)n);
    if (kept < least)
        kept = least;
    if (kept >= n)
        return 0;
    FD_FREE double *gaps = calloc(n, sizeof(*gaps));
    if (!gaps)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        gaps[i] = gap_of(snapshot, sample->pairs[i]);
    qsort(gaps, n, sizeof(*gaps), compare_numbers);
    double limit = gaps[kept - 1];
    size_t below = 0, count = 0;
    while (below < kept && gaps[below] < limit)
        below++;
    size_t ties = kept - below; /* kept of those at the limit: the first ones */
    for (size_t i = 0; i < n; i++) {
        double gap = gap_of(snapshot, sample->pairs[i]);
        if (gap < limit || (gap == limit && ties > 0)) {
            ties -= gap == limit;
            sample->pairs[count++] = sample->pairs[i];
        }
    }
    sample->n_pairs = count;
    return 0;
}

void fd_candidate_sample_clear(fd_candidate_sample *sample) {
    free(sample->pairs);
    free(sample->members);
    free(sample->labelled);
    memset(sample, 0, sizeof(*sample));
}
