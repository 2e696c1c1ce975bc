/* Draws prompts uniformly, however many items they have, and copies what libfisher reads of them.
 * The time depends on what is drawn, rather than on the number of items. */
#include "target_sample.h"

#include <errno.h>
#include <string.h>

#include "engine_state.h"
#include "item_lookup.h"
#include "rng.h"
#include "thread.h"

enum { TARGET_PAIRS = 250 };

/* Prompts may be newer than the snapshot: each target has this many tries. */
enum { TRIES = 4 };

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
    while (count > 0 && prompt->items[count - 1] >= items)
        count--;
    return count;
}

static void draw_pairs(struct drawing *drawing) {
    FD_READ_LOCKED(&drawing->engine->state_lock);
    const fd_item_table *table = &drawing->engine->items;
    for (size_t i = 0; i < (size_t)TARGET_PAIRS * TRIES && table->paired_count > 0 &&
                       drawing->count < TARGET_PAIRS;
         i++) {
        size_t at = (size_t)fd_rng_below(&drawing->rng, table->paired_count);
        const fd_prompt *prompt = table->prompts[table->paired[at]];
        size_t known = count_known(prompt, drawing->items);
        if (known < 2)
            continue;
        size_t a = (size_t)fd_rng_below(&drawing->rng, known);
        size_t b = (size_t)fd_rng_below(&drawing->rng, known - 1);
        drawing->pairs[drawing->count++] = (fi_pair){prompt->items[a], prompt->items[b + (b >= a)]};
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

int fd_target_sample_draw_pairs(fd_engine *engine, const fd_snapshot *snapshot, uint64_t seed,
                                fd_target_sample *ret) {
    FD_FREE fi_pair *pairs = calloc(TARGET_PAIRS, sizeof(*pairs));
    struct drawing drawing = {engine, snapshot->items, fd_rng_seeded(seed ^ stream), 0, pairs};
    if (!pairs)
        return -ENOMEM;
    draw_pairs(&drawing);
    return copy(&drawing, snapshot, ret);
}

void fd_target_sample_clear(fd_target_sample *sample) {
    fd_snapshot_rows_clear(&sample->rows);
    free(sample->prompts);
    memset(sample, 0, sizeof(*sample));
}
