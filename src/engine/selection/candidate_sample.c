/*
 * Draws candidates from the pairs in the scope that was asked for, without pairs that have a label
 * or are not comparable. Where all items take part, pairs are drawn from the item table itself, in
 * a time that depends on the number of candidates alone. Otherwise, and where few pairs are left,
 * the items that take part are listed first. Labels wait while the state lock is held, so it is
 * held for a moment at a time.
 */
#include "candidate_sample.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "comparable.h"
#include "distinct_members.h"
#include "engine_state.h"
#include "numbered_pool.h"
#include "rng.h"
#include "thread.h"

/* Pairs that are drawn, or looked at one after another, at once. */
enum { DRAWN_AT_ONCE = 1024, LOOKED_AT_ONCE = 8192 };

/* Pairs are drawn at random while there are this many times as many, and this often for each. */
enum { PAIRS_PER_CANDIDATE = 4, TRIES_PER_CANDIDATE = 4 };

struct drawing {
    fd_engine *engine;
    const fd_snapshot *snapshot;
    const fd_sampling *sampling;
    const fd_pair_set *unwanted;
    const fd_numbered_pool *pool; /* NULL: all items */
    fd_rng *rng;
    fi_pair *pairs; /* [most] */
    size_t count, most;
    size_t tries;       /* that are left */
    fd_pair_set drawn;  /* so far */
    uint64_t looked_at; /* pairs of the pool, one after another */
    uint64_t wanted;    /* of those */
    bool is_whole;      /* all wanted ones are in the sample */
};

static bool is_wanted(const struct drawing *drawing, fi_pair pair) {
    return fd_pair_set_count(drawing->unwanted, pair.a, pair.b) == 0 &&
           (drawing->sampling->include_labelled ||
            fd_pair_set_count(&drawing->engine->labels.labelled, pair.a, pair.b) == 0) &&
           (drawing->sampling->include_incomparable ||
            fd_pair_is_comparable(&drawing->engine->items, pair));
}

/* ---- at random ---- */

/* A pair of all items, each of the scope with the same probability; false if it is out of scope or
 * newer than the snapshot. */
static bool draw_from_table(const struct drawing *drawing, fi_pair *ret) {
    const fd_item_table *table = &drawing->engine->items;
    size_t n = drawing->snapshot->items;
    if (drawing->sampling->scope == FI_SCOPE_WITHIN) {
        uint64_t number = fd_rng_below(drawing->rng, table->pairs);
        const fd_prompt *prompt = fd_item_table_prompt_of_pair(table, &number);
        *ret = fd_pair_of_items(fd_prompt_items(prompt), prompt->count, number);
        return ret->a < n && ret->b < n;
    }
    uint32_t a = (uint32_t)fd_rng_below(drawing->rng, n);
    uint32_t b = (uint32_t)fd_rng_below(drawing->rng, n - 1);
    *ret = (fi_pair){a, b + (b >= a)};
    return drawing->sampling->scope == FI_SCOPE_ANY ||
           table->entries[ret->a].prompt != table->entries[ret->b].prompt;
}

static bool draw_one(const struct drawing *drawing, fi_pair *ret) {
    if (!drawing->pool)
        return draw_from_table(drawing, ret);
    uint64_t count = fd_numbered_pool_count(drawing->pool);
    *ret = fd_numbered_pool_pair(drawing->pool, fd_rng_below(drawing->rng, count));
    return true;
}

/* Draws for a moment; false once there are enough pairs, or no tries left. */
static bool draw_some(struct drawing *drawing) {
    FD_READ_LOCKED(&drawing->engine->state_lock);
    for (size_t i = 0; i < DRAWN_AT_ONCE; i++) {
        fi_pair pair;
        if (drawing->tries == 0 || drawing->count == drawing->most)
            return false;
        drawing->tries--;
        if (draw_one(drawing, &pair) && is_wanted(drawing, pair) &&
            fd_pair_set_add(&drawing->drawn, pair.a, pair.b) == 0)
            drawing->pairs[drawing->count++] = pair;
    }
    return true;
}

/* *ret_enough: false if too many of the pairs were unwanted or drawn before. */
static int draw_at_random(struct drawing *drawing, bool *ret_enough) {
    int r = fd_pair_set_reserve(&drawing->drawn, drawing->most);
    drawing->tries = TRIES_PER_CANDIDATE * drawing->most;
    while (r == 0 && draw_some(drawing))
        continue;
    fd_pair_set_clear(&drawing->drawn);
    *ret_enough = drawing->count == drawing->most;
    return r;
}

/* ---- one after another ---- */

/* Looks at pairs for a moment, and keeps a uniform sample of the wanted ones (Vitter's algorithm
 * R); false once all were looked at. */
static bool look_at_some(struct drawing *drawing) {
    uint64_t total = fd_numbered_pool_count(drawing->pool);
    FD_READ_LOCKED(&drawing->engine->state_lock);
    for (size_t i = 0; i < LOOKED_AT_ONCE; i++) {
        if (drawing->looked_at == total)
            return false;
        fi_pair pair = fd_numbered_pool_pair(drawing->pool, drawing->looked_at++);
        if (!is_wanted(drawing, pair))
            continue;
        drawing->wanted++;
        if (drawing->count < drawing->most) {
            drawing->pairs[drawing->count++] = pair;
        } else {
            uint64_t slot = fd_rng_below(drawing->rng, drawing->wanted);
            if (slot < drawing->most)
                drawing->pairs[slot] = pair;
        }
    }
    return true;
}

static void draw_from_all(struct drawing *drawing) {
    drawing->count = 0;
    while (drawing->most > 0 && look_at_some(drawing))
        continue;
    drawing->is_whole = drawing->wanted == drawing->count;
}

/* ---- samples ---- */

/* Pairs in scope of the first n items; a few more if others came after those. With the state lock
 * held. */
static uint64_t count_in_scope(const fd_engine *engine, uint64_t n, fi_scope scope) {
    uint64_t any = n > 0 ? n * (n - 1) / 2 : 0, within = engine->items.pairs;
    return scope == FI_SCOPE_WITHIN ? within
           : scope == FI_SCOPE_ANY  ? any
                                    : any - (within < any ? within : any);
}

static uint64_t count_all(fd_engine *engine, const fd_snapshot *snapshot, fi_scope scope) {
    FD_READ_LOCKED(&engine->state_lock);
    return count_in_scope(engine, snapshot->items, scope);
}

uint64_t fd_candidates_left(fd_engine *engine, fi_scope scope) {
    FD_READ_LOCKED(&engine->state_lock);
    uint64_t all = count_in_scope(engine, engine->items.count, scope);
    uint64_t labelled = engine->labels.labelled.used;
    return all > labelled ? all - labelled : 0;
}

static int make_room(struct drawing *drawing, uint64_t total) {
    size_t pairs = drawing->sampling->pairs;
    drawing->most = pairs < total ? pairs : (size_t)total;
    free(drawing->pairs);
    drawing->pairs = calloc(drawing->most + 1, sizeof(*drawing->pairs));
    return drawing->pairs ? 0 : -ENOMEM;
}

/* Draws from the table if all items take part and enough pairs are left; *ret_done: that is all. */
static int draw_from_all_items(struct drawing *drawing, bool *ret_done) {
    const fd_sampling *sampling = drawing->sampling;
    uint64_t total = count_all(drawing->engine, drawing->snapshot, sampling->scope);
    bool brief = sampling->looked_at_most > 0 && total > sampling->looked_at_most;
    *ret_done = false;
    if (sampling->all || sampling->prompts > 0 || sampling->responses_per_prompt > 0 ||
        (!brief && total / PAIRS_PER_CANDIDATE <= sampling->pairs))
        return 0;
    uint64_t most = sampling->looked_at_most / ((uint64_t)2 * TRIES_PER_CANDIDATE);
    int r = make_room(drawing, brief && most < total ? most : total);
    if (r == 0)
        r = draw_at_random(drawing, ret_done);
    *ret_done |= brief;
    return r;
}

static int draw_from_pool(struct drawing *drawing) {
    uint64_t total = fd_numbered_pool_count(drawing->pool);
    bool enough = false;
    drawing->count = 0;
    int r = make_room(drawing, total);
    if (r == 0 && total / PAIRS_PER_CANDIDATE > drawing->most)
        r = draw_at_random(drawing, &enough);
    if (r == 0 && !enough)
        draw_from_all(drawing);
    return r;
}

/* Lists every labelled pair of the snapshot's items. */
static int list_labelled(fd_engine *engine, size_t n_items, fd_candidate_sample *ret) {
    FD_READ_LOCKED(&engine->state_lock);
    const fd_pair_set *labelled = &engine->labels.labelled;
    ret->labelled = calloc(labelled->used + 1, sizeof(*ret->labelled));
    if (!ret->labelled)
        return -ENOMEM;
    for (size_t i = 0; i < labelled->capacity; i++) {
        fi_pair pair = {labelled->slots[i].low, labelled->slots[i].high};
        if (labelled->slots[i].count > 0 && pair.a < n_items && pair.b < n_items)
            ret->labelled[ret->n_labelled++] = pair;
    }
    return 0;
}

static int draw(struct drawing *drawing, fd_numbered_pool *pool, fd_candidate_sample *ret) {
    const fd_sampling *sampling = drawing->sampling;
    bool done;
    int r = draw_from_all_items(drawing, &done);
    if (r < 0 || done)
        return r;
    r = fd_numbered_pool_draw(drawing->engine, drawing->snapshot, sampling, drawing->rng, pool);
    if (r < 0)
        return r;
    drawing->pool = pool;
    if (!sampling->all)
        return draw_from_pool(drawing);
    ret->n_members = pool->n_items;
    ret->members = FD_STEAL(pool->items);
    if (!sampling->include_incomparable)
        r = fd_distinct_members_keep(drawing->engine, sampling->scope, ret->members,
                                     &ret->n_members);
    if (r < 0)
        return r;
    return sampling->include_labelled
               ? 0
               : list_labelled(drawing->engine, drawing->snapshot->items, ret);
}

int fd_candidate_sample_draw(fd_engine *engine, const fd_snapshot *snapshot,
                             const fd_sampling *sampling, uint64_t seed,
                             const fd_pair_set *unwanted, fd_candidate_sample *ret) {
    fd_rng rng = fd_rng_seeded(seed);
    FD_CLEANUP(fd_candidate_sample_clear) fd_candidate_sample sample = {0};
    FD_CLEANUP(fd_numbered_pool_clear) fd_numbered_pool pool = {0};
    struct drawing drawing = {.engine = engine,
                              .snapshot = snapshot,
                              .sampling = sampling,
                              .unwanted = unwanted,
                              .rng = &rng};
    int r = draw(&drawing, &pool, &sample);
    sample.pairs = drawing.pairs;
    sample.n_pairs = drawing.count;
    sample.is_whole = drawing.is_whole;
    if (r < 0)
        return r;
    *ret = sample;
    memset(&sample, 0, sizeof(sample));
    return 0;
}

/* ---- contested pairs ---- */

/* The differences of the pairs' rewards, without their signs: of all items, or of those named. */
static int find_gaps(const fd_snapshot *snapshot, const fd_candidate_sample *sample, double *gaps) {
    FD_FREE float *rewards = NULL;
    bool all = snapshot->items <= 2 * sample->n_pairs;
    int r = all ? fd_snapshot_rewards(snapshot, &rewards) : 0;
    if (r < 0)
        return r;
    for (size_t i = 0; i < sample->n_pairs; i++) {
        fi_pair pair = sample->pairs[i];
        double a = rewards ? (double)rewards[pair.a] : fd_snapshot_reward(snapshot, pair.a);
        double b = rewards ? (double)rewards[pair.b] : fd_snapshot_reward(snapshot, pair.b);
        gaps[i] = fabs(a - b);
    }
    return 0;
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
    FD_FREE double *sorted = calloc(n, sizeof(*sorted));
    if (!gaps || !sorted)
        return -ENOMEM;
    int r = find_gaps(snapshot, sample, gaps);
    if (r < 0)
        return r;
    memcpy(sorted, gaps, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), compare_numbers);
    double limit = sorted[kept - 1];
    size_t below = 0, count = 0;
    while (below < kept && sorted[below] < limit)
        below++;
    size_t ties = kept - below; /* kept of those at the limit: the first ones */
    for (size_t i = 0; i < n; i++) {
        double gap = gaps[i];
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
