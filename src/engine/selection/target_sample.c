/* Draws prompts uniformly, however many items they have, and copies what libfisher reads of them.
 * The time depends on what is drawn, rather than on the number of items. */
#include "target_sample.h"

#include <errno.h>
#include <string.h>

#include "engine_state.h"
#include "item_lookup.h"
#include "rng.h"
#include "thread.h"

enum { TARGET_PAIRS = 250, TARGET_PROMPTS = 40, TARGET_ITEMS = 64 };

/* Prompts may be newer than the snapshot, or drawn before: each target, or prompt, has this many
 * tries. */
enum { TRIES = 8 };

/* Keeps the stream apart from that of the candidates. */
static const uint64_t stream = 0xd1b54a32d192ed03u;

struct drawing {
    fd_engine *engine;
    size_t items; /* of the snapshot */
    fd_rng rng;
    size_t count;
    fi_pair *pairs; /* rows */
};

/* Items of a prompt that the snapshot has: the first ones, as they are in the order of arrival. */
static size_t count_known(const fd_prompt *prompt, size_t items) {
    size_t count = prompt->count;
    while (count > 0 && fd_prompt_items(prompt)[count - 1] >= items)
        count--;
    return count;
}

/* Draws a prompt with two items or more; NULL if the one drawn is newer than the snapshot. */
static const fd_prompt *draw_prompt(struct drawing *drawing, size_t *ret_known) {
    const fd_item_table *table = &drawing->engine->items;
    size_t at = (size_t)fd_rng_below(&drawing->rng, table->paired_count);
    const fd_prompt *prompt = &table->prompts[table->paired[at]];
    *ret_known = count_known(prompt, drawing->items);
    return *ret_known < 2 ? NULL : prompt;
}

static void draw_pairs(struct drawing *drawing) {
    FD_READ_LOCKED(&drawing->engine->state_lock);
    size_t tries = drawing->engine->items.paired_count > 0 ? (size_t)TARGET_PAIRS * TRIES : 0;
    for (size_t i = 0; i < tries && drawing->count < TARGET_PAIRS; i++) {
        size_t known;
        const fd_prompt *prompt = draw_prompt(drawing, &known);
        if (!prompt)
            continue;
        const uint32_t *items = fd_prompt_items(prompt);
        size_t a = (size_t)fd_rng_below(&drawing->rng, known);
        size_t b = (size_t)fd_rng_below(&drawing->rng, known - 1);
        drawing->pairs[drawing->count++] = (fi_pair){items[a], items[b + (b >= a)]};
    }
}

/* ---- whole prompts ---- */

/* Pairs of the first item that is drawn with each of the others. */
static void add_prompt(struct drawing *drawing, const fd_prompt *prompt, size_t known) {
    bool all = known <= TARGET_ITEMS;
    size_t n = all ? known : TARGET_ITEMS;
    const uint32_t *items = fd_prompt_items(prompt);
    uint32_t first = items[all ? 0 : fd_rng_below(&drawing->rng, known)];
    for (size_t i = 0; i < n; i++) {
        uint32_t item = items[all ? i : fd_rng_below(&drawing->rng, known)];
        if (item != first)
            drawing->pairs[drawing->count++] = (fi_pair){first, item};
    }
}

static bool is_among(const fd_prompt *const *prompts, size_t n, const fd_prompt *prompt) {
    for (size_t i = 0; i < n; i++)
        if (prompts[i] == prompt)
            return true;
    return false;
}

/* Each prompt once. */
static void draw_prompts(struct drawing *drawing) {
    FD_READ_LOCKED(&drawing->engine->state_lock);
    const fd_item_table *table = &drawing->engine->items;
    const fd_prompt *drawn[TARGET_PROMPTS];
    bool all = table->paired_count <= TARGET_PROMPTS;
    size_t tries = all ? table->paired_count : (size_t)TARGET_PROMPTS * TRIES, n = 0;
    for (size_t i = 0; i < tries && n < TARGET_PROMPTS; i++) {
        size_t known;
        const fd_prompt *prompt = all ? &table->prompts[table->paired[i]] : NULL;
        if (prompt)
            known = count_known(prompt, drawing->items);
        else
            prompt = draw_prompt(drawing, &known);
        if (!prompt || known < 2 || is_among(drawn, n, prompt))
            continue;
        drawn[n++] = prompt;
        add_prompt(drawing, prompt, known);
    }
}

static int copy(const struct drawing *drawing, const fd_snapshot *snapshot, fd_target_sample *ret) {
    FD_CLEANUP(fd_target_sample_clear) fd_target_sample sample = {0};
    int r = fd_snapshot_rows_copy(snapshot, drawing->pairs, drawing->count, &sample.rows);
    if (r < 0)
        return r;
    sample.prompts = calloc(sample.rows.count + 1, sizeof(*sample.prompts));
    if (!sample.prompts)
        return -ENOMEM;
    fd_item_prompts_of(drawing->engine, snapshot, sample.rows.rows, sample.rows.count,
                       sample.prompts);
    sample.targets = sample.rows.candidates;
    sample.targets.groups = sample.prompts;
    *ret = sample;
    memset(&sample, 0, sizeof(sample));
    return 0;
}

int fd_target_sample_draw(fd_engine *engine, const fd_snapshot *snapshot, bool whole_prompts,
                          uint64_t seed, fd_target_sample *ret) {
    size_t most = whole_prompts ? (size_t)TARGET_PROMPTS * TARGET_ITEMS : TARGET_PAIRS;
    FD_FREE fi_pair *pairs = calloc(most, sizeof(*pairs));
    struct drawing drawing = {engine, snapshot->items, fd_rng_seeded(seed ^ stream), 0, pairs};
    if (!pairs)
        return -ENOMEM;
    if (whole_prompts)
        draw_prompts(&drawing);
    else
        draw_pairs(&drawing);
    return copy(&drawing, snapshot, ret);
}

void fd_target_sample_clear(fd_target_sample *sample) {
    fd_snapshot_rows_clear(&sample->rows);
    free(sample->prompts);
    memset(sample, 0, sizeof(*sample));
}
