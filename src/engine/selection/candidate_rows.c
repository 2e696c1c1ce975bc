#include "candidate_rows.h"

#include <errno.h>
#include <string.h>

#include "row_numbering.h"

int fd_candidate_rows_build(const fd_snapshot *snapshot, const uint32_t *prompts,
                            const fi_pair *pairs, size_t n_pairs, const float *extra_embeddings,
                            size_t n_extra, fd_candidate_rows *ret) {
    size_t width = snapshot->features->width;
    if (n_extra == 0) {
        *ret = (fd_candidate_rows){.candidates = {
                                       .n_items = snapshot->items,
                                       .n_features = width,
                                       .n_pairs = n_pairs,
                                       .features = snapshot->features->data,
                                       .rewards = snapshot->rewards->data,
                                       .pairs = pairs,
                                       .groups = prompts,
                                   }};
        return 0;
    }
    size_t total = snapshot->items + n_extra;
    size_t most = 2 * n_pairs < total ? 2 * n_pairs : total;

    FD_CLEANUP(fd_candidate_rows_clear) fd_candidate_rows gathered = {0};
    FD_CLEANUP(fd_row_numbering_clear) fd_row_numbering numbering = {0};
    FD_FREE float *extra = reallocarray(NULL, n_extra, width * sizeof(*extra));
    gathered.pairs = calloc(n_pairs, sizeof(*gathered.pairs));
    gathered.rewards = calloc(most, sizeof(*gathered.rewards));
    gathered.groups = calloc(most, sizeof(*gathered.groups));
    gathered.features = reallocarray(NULL, most, width * sizeof(*gathered.features));
    if (!extra || !gathered.pairs || !gathered.rewards || !gathered.groups || !gathered.features)
        return -ENOMEM;

    int r = fi_model_features(snapshot->served->model, n_extra, extra_embeddings, extra);
    if (r == 0)
        r = fd_row_numbering_init(&numbering, total, most);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n_pairs; i++) {
        gathered.pairs[i].a = fd_row_numbering_add(&numbering, pairs[i].a);
        gathered.pairs[i].b = fd_row_numbering_add(&numbering, pairs[i].b);
    }
    size_t count = numbering.count;
    const uint32_t *rows = numbering.rows;
    for (size_t i = 0; i < count; i++) {
        const float *features = rows[i] < snapshot->items
                                    ? fd_growing_matrix_row(snapshot->features, rows[i])
                                    : extra + (rows[i] - snapshot->items) * width;
        memcpy(gathered.features + i * width, features, width * sizeof(float));
        gathered.groups[i] = prompts && rows[i] < snapshot->items ? prompts[rows[i]] : FI_NO_GROUP;
    }
    fi_model_rewards(snapshot->served->model, count, gathered.features, gathered.rewards);

    gathered.candidates = (fi_candidates){
        .n_items = count,
        .n_features = width,
        .n_pairs = n_pairs,
        .features = gathered.features,
        .rewards = gathered.rewards,
        .pairs = gathered.pairs,
        .groups = gathered.groups,
    };
    *ret = gathered;
    memset(&gathered, 0, sizeof(gathered));
    return 0;
}

void fd_candidate_rows_clear(fd_candidate_rows *gathered) {
    free(gathered->features);
    free(gathered->rewards);
    free(gathered->pairs);
    free(gathered->groups);
    memset(gathered, 0, sizeof(*gathered));
}
