/* Makes the arrays that libfisher reads: a view of the snapshot, or copies of the named rows. */
#include "candidate_rows.h"

#include <errno.h>
#include <string.h>

enum { ABSENT = UINT32_MAX };

/* Numbers the rows that the pairs name from 0 in the order of their first use. */
static size_t number_rows(fi_pair *pairs, size_t n_pairs, uint32_t *number, uint32_t *rows) {
    size_t count = 0;
    for (size_t i = 0; i < n_pairs; i++) {
        uint32_t *sides[] = {&pairs[i].a, &pairs[i].b};
        for (size_t side = 0; side < 2; side++) {
            uint32_t row = *sides[side];
            if (number[row] == ABSENT) {
                number[row] = (uint32_t)count;
                rows[count++] = row;
            }
            *sides[side] = number[row];
        }
    }
    return count;
}

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
    FD_FREE uint32_t *number = malloc(total * sizeof(*number));
    FD_FREE uint32_t *rows = calloc(most, sizeof(*rows));
    FD_FREE float *extra = reallocarray(NULL, n_extra, width * sizeof(*extra));
    built.pairs = calloc(n_pairs, sizeof(*built.pairs));
    built.rewards = calloc(most, sizeof(*built.rewards));
    built.groups = calloc(most, sizeof(*built.groups));
    built.features = reallocarray(NULL, most, width * sizeof(*built.features));
    if (!number || !rows || !extra || !built.pairs || !built.rewards || !built.groups ||
        !built.features)
        return -ENOMEM;

    int r = fi_model_features(snapshot->served->model, n_extra, extra_embeddings, extra);
    if (r < 0)
        return r;
    memset(number, 0xff, total * sizeof(*number));
    memcpy(built.pairs, pairs, n_pairs * sizeof(*pairs));
    size_t count = number_rows(built.pairs, n_pairs, number, rows);
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
