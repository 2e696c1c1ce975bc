/* Makes the arrays that libfisher reads: a view of the snapshot, or copies of the named rows. */
#include "candidate_rows.h"

#include <errno.h>
#include <string.h>

#include "row_numbering.h"

int fd_candidate_rows_build(const fd_snapshot *snapshot, const uint32_t *prompts,
                            const fi_pair *pairs, size_t n_pairs, const float *extra_embeddings,
                            size_t n_extra, fd_candidate_rows *ret) {
    size_t width = snapshot->features->width;
    if (n_extra == 0) {
        *ret = (fd_candidate_rows){.candidates =
                                       fd_snapshot_candidates(snapshot, prompts, pairs, n_pairs)};
        return 0;
    }
    size_t total = snapshot->items + n_extra;
    size_t most = 2 * n_pairs < total ? 2 * n_pairs : total;

    FD_CLEANUP(fd_candidate_rows_clear) fd_candidate_rows built = {0};
    FD_CLEANUP(fd_row_numbering_clear) fd_row_numbering numbering = {0};
    FD_FREE float *extra = reallocarray(NULL, n_extra, width * sizeof(*extra));
    built.pairs = calloc(n_pairs, sizeof(*built.pairs));
    built.rewards = calloc(most, sizeof(*built.rewards));
    built.groups = calloc(most, sizeof(*built.groups));
    built.features = reallocarray(NULL, most, width * sizeof(*built.features));
    if (!extra || !built.pairs || !built.rewards || !built.groups || !built.features)
        return -ENOMEM;

    int r = fi_model_features(snapshot->served->model, n_extra, extra_embeddings, extra);
    if (r == 0)
        r = fd_row_numbering_init(&numbering, total, most);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n_pairs; i++) {
        built.pairs[i].a = fd_row_numbering_add(&numbering, pairs[i].a);
        built.pairs[i].b = fd_row_numbering_add(&numbering, pairs[i].b);
    }
    size_t count = numbering.count;
    const uint32_t *rows = numbering.rows;
    for (size_t i = 0; i < count; i++) {
        const float *features = rows[i] < snapshot->items
                                    ? fd_growing_matrix_row(snapshot->features, rows[i])
                                    : extra + (rows[i] - snapshot->items) * width;
        memcpy(built.features + i * width, features, width * sizeof(float));
        built.groups[i] = prompts && rows[i] < snapshot->items ? prompts[rows[i]] : FI_NO_GROUP;
    }
    fi_model_rewards(snapshot->served->model, count, built.features, built.rewards);

    built.candidates = (fi_candidates){
        .n_items = count,
        .n_features = width,
        .n_pairs = n_pairs,
        .features = built.features,
        .rewards = built.rewards,
        .pairs = built.pairs,
        .groups = built.groups,
    };
    *ret = built;
    memset(&built, 0, sizeof(built));
    return 0;
}

void fd_candidate_rows_clear(fd_candidate_rows *built) {
    free(built->features);
    free(built->rewards);
    free(built->pairs);
    free(built->groups);
    memset(built, 0, sizeof(*built));
}
