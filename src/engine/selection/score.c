/* Scores items, and the preference between two of them. */
#include "score.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine_state.h"
#include "inline_features.h"

/* Features of each reference: [n x h]. */
static int features_of(const fd_snapshot *snapshot, const fd_item_rows *found, size_t n,
                       float *features) {
    size_t width = snapshot->features->width;
    FD_FREE float *extra = NULL;
    int r = fd_inline_features(snapshot, found, &extra);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        size_t row = found->rows[i];
        const float *from = row < snapshot->items ? fd_growing_matrix_row(snapshot->features, row)
                                                  : extra + (row - snapshot->items) * width;
        memcpy(features + i * width, from, width * sizeof(float));
    }
    return 0;
}

int fd_engine_score(fd_engine *engine, const fd_item_reference *items, size_t n, fd_score *scores,
                    uint64_t *ret_model_version, fd_fault *fault) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    FD_CLEANUP(fd_item_rows_clear) fd_item_rows found = {0};
    int r = fd_engine_snapshot(engine, &snapshot, fault);
    if (r == 0)
        r = fd_item_lookup(engine, snapshot, "items", NULL, 1, items, n, &found, fault);
    if (r != 0)
        return r;

    size_t width = snapshot->features->width;
    FD_FREE float *features = reallocarray(NULL, n ? n : 1, width * sizeof(*features));
    FD_FREE float *rewards = calloc(n ? n : 1, sizeof(*rewards));
    FD_FREE double *difference = calloc(width, sizeof(*difference));
    if (!features || !rewards || !difference)
        return -ENOMEM;
    r = features_of(snapshot, &found, n, features);
    if (r < 0)
        return r;
    fi_model_rewards(snapshot->served->model, n, features, rewards);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < width; j++)
            difference[j] = features[i * width + j];
        scores[i].reward = rewards[i];
        scores[i].stddev = sqrt(fi_factor_leverage(snapshot->design, difference));
    }
    *ret_model_version = snapshot->served->row.version;
    return 0;
}

double fd_engine_probability(fd_engine *engine, fi_pair pair, uint64_t *ret_model_version) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = fd_engine_snapshot_or_null(engine);
    *ret_model_version = 0;
    if (!snapshot || pair.a >= snapshot->items || pair.b >= snapshot->items)
        return 0.5;
    *ret_model_version = snapshot->served->row.version;
    return fi_probability(fd_snapshot_reward(snapshot, pair.a) -
                          fd_snapshot_reward(snapshot, pair.b));
}
