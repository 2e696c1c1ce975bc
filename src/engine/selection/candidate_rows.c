/* Makes the arrays that libfisher reads out of the named rows. */
#include "candidate_rows.h"

#include <errno.h>
#include <string.h>

#include "inline_features.h"
#include "row_numbering.h"

/* `groups` [n]: the prompts of rows; inline items have none. */
static int find_groups(fd_engine *engine, const fd_snapshot *snapshot, const uint32_t *rows,
                       size_t n, uint32_t **ret) {
    uint32_t *groups = reallocarray(NULL, n + 1, sizeof(*groups));
    if (!groups)
        return -ENOMEM;
    fd_item_prompts_of(engine, snapshot, rows, n, groups);
    *ret = groups;
    return 0;
}

static int build_known(fd_engine *engine, const fd_snapshot *snapshot, bool by_prompt,
                       const fi_pair *pairs, size_t n_pairs, fd_candidate_rows *built) {
    int r = fd_snapshot_rows_copy(snapshot, pairs, n_pairs, &built->known);
    if (r == 0 && by_prompt)
        r = find_groups(engine, snapshot, built->known.rows, built->known.count, &built->groups);
    built->candidates = built->known.candidates;
    built->candidates.groups = built->groups;
    return r;
}

static int build_extra(fd_engine *engine, const fd_snapshot *snapshot, bool by_prompt,
                       const fi_pair *pairs, size_t n_pairs, const fd_item_rows *found,
                       fd_candidate_rows *built) {
    size_t width = snapshot->features->width;
    size_t total = snapshot->items + found->n_extra;
    size_t most = 2 * n_pairs < total ? 2 * n_pairs : total;
    FD_CLEANUP(fd_row_numbering_clear) fd_row_numbering numbering = {0};
    FD_FREE float *extra = NULL;
    built->pairs = calloc(n_pairs, sizeof(*built->pairs));
    built->rewards = calloc(most, sizeof(*built->rewards));
    built->features = reallocarray(NULL, most, width * sizeof(*built->features));
    if (!built->pairs || !built->rewards || !built->features)
        return -ENOMEM;

    int r = fd_inline_features(snapshot, found, &extra);
    if (r == 0)
        r = fd_row_numbering_init(&numbering, total, most);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n_pairs; i++) {
        built->pairs[i].a = fd_row_numbering_add(&numbering, pairs[i].a);
        built->pairs[i].b = fd_row_numbering_add(&numbering, pairs[i].b);
    }
    size_t count = numbering.count;
    const uint32_t *rows = numbering.rows;
    for (size_t i = 0; i < count; i++) {
        const float *features = rows[i] < snapshot->items
                                    ? fd_growing_matrix_row(snapshot->features, rows[i])
                                    : extra + (rows[i] - snapshot->items) * width;
        memcpy(built->features + i * width, features, width * sizeof(float));
    }
    fi_model_rewards(snapshot->served->model, count, built->features, built->rewards);
    if (by_prompt)
        r = find_groups(engine, snapshot, rows, count, &built->groups);
    built->candidates = (fi_candidates){
        .n_items = count,
        .n_features = width,
        .n_pairs = n_pairs,
        .features = built->features,
        .rewards = built->rewards,
        .pairs = built->pairs,
        .groups = built->groups,
    };
    return r;
}

int fd_candidate_rows_build(fd_engine *engine, const fd_snapshot *snapshot, bool by_prompt,
                            const fi_pair *pairs, size_t n_pairs, const fd_item_rows *found,
                            fd_candidate_rows *ret) {
    FD_CLEANUP(fd_candidate_rows_clear) fd_candidate_rows built = {0};
    int r = !found || found->n_extra == 0
                ? build_known(engine, snapshot, by_prompt, pairs, n_pairs, &built)
                : build_extra(engine, snapshot, by_prompt, pairs, n_pairs, found, &built);
    if (r < 0)
        return r;
    *ret = built;
    memset(&built, 0, sizeof(built));
    return 0;
}

void fd_candidate_rows_clear(fd_candidate_rows *built) {
    fd_snapshot_rows_clear(&built->known);
    free(built->features);
    free(built->rewards);
    free(built->pairs);
    free(built->groups);
    memset(built, 0, sizeof(*built));
}
