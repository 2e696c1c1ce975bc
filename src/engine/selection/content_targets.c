/* Copies targets and leaves the text out of them. */
#include "content_targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"
#include "snapshot_rows.h"
#include "text_columns.h"

enum { DRAWN_PAIRS = 250, TRIES = 8 };

/* Keeps the stream apart from those of the candidates and the targets of prompts. */
static const uint64_t stream = 0x94d049bb133111ebu;

int fd_content_targets_copy(const fd_snapshot *snapshot, const fi_candidates *from,
                            fd_content_targets *ret) {
    const fi_model *model = snapshot->served->model;
    size_t numbers = from->n_items * from->n_features;
    ret->features = calloc(numbers + 1, sizeof(*ret->features));
    ret->rewards = calloc(from->n_items + 1, sizeof(*ret->rewards));
    if (!ret->features || !ret->rewards)
        return -ENOMEM;
    memcpy(ret->features, from->features, numbers * sizeof(*ret->features));
    fd_text_columns_zero(fd_text_columns_of(model), from->n_items, from->n_features, ret->features);
    fi_model_rewards(model, from->n_items, ret->features, ret->rewards);
    ret->targets = *from;
    ret->targets.features = ret->features;
    ret->targets.rewards = ret->rewards;
    return 0;
}

/* ---- pools ---- */

static bool is_in_scope(const fi_pool *pool, fi_pair pair) {
    bool same = pool->groups[pair.a] == pool->groups[pair.b];
    return pair.a != pair.b &&
           (pool->scope == FI_SCOPE_ANY || same == (pool->scope == FI_SCOPE_WITHIN));
}

static size_t draw_pairs(const fi_pool *pool, uint64_t seed, fi_pair *pairs) {
    fd_rng rng = fd_rng_seeded(seed ^ stream);
    size_t count = 0, tries = pool->n_members > 1 ? (size_t)DRAWN_PAIRS * TRIES : 0;
    for (size_t i = 0; i < tries && count < DRAWN_PAIRS; i++) {
        size_t a = (size_t)fd_rng_below(&rng, pool->n_members);
        size_t b = (size_t)fd_rng_below(&rng, pool->n_members);
        fi_pair pair = {pool->members[a], pool->members[b]};
        if (is_in_scope(pool, pair))
            pairs[count++] = pair;
    }
    return count;
}

int fd_content_targets_draw(const fd_snapshot *snapshot, const fi_pool *pool, uint64_t seed,
                            fd_content_targets *ret) {
    FD_CLEANUP(fd_snapshot_rows_clear) fd_snapshot_rows rows = {0};
    FD_FREE fi_pair *pairs = calloc(DRAWN_PAIRS, sizeof(*pairs));
    if (!pairs)
        return -ENOMEM;
    int r = fd_snapshot_rows_copy(snapshot, pairs, draw_pairs(pool, seed, pairs), &rows);
    if (r == 0)
        r = fd_content_targets_copy(snapshot, &rows.candidates, ret);
    ret->drawn = FD_STEAL(rows.pairs);
    return r;
}

void fd_content_targets_clear(fd_content_targets *targets) {
    free(targets->features);
    free(targets->rewards);
    free(targets->drawn);
    memset(targets, 0, sizeof(*targets));
}
