/* Computes the features of inline items: their embeddings and the extras that the model takes. */
#include "inline_features.h"

#include <errno.h>
#include <math.h>

/* NaN: missing. */
static float raw_extra(const fd_item_rows *rows, size_t item, uint32_t id) {
    if (id < FD_TEXT_FEATURES)
        return rows->extra_text_features[item * FD_TEXT_FEATURES + id];
    uint32_t name = id - FD_EXTRA_SCORES;
    return id >= FD_EXTRA_SCORES && name < FD_SCORE_NAMES_MAX
               ? rows->extra_scores[item * FD_SCORE_NAMES_MAX + name]
               : NAN;
}

/* The raw extras of the inline items in the model's columns. */
static void find_raw(const fi_model *model, const fd_item_rows *rows, float *raw) {
    size_t count = fi_model_shape(model)->extras;
    const uint32_t *ids = fi_model_extra_ids(model);
    for (size_t i = 0; i < rows->n_extra; i++)
        for (size_t j = 0; j < count; j++)
            raw[i * count + j] = raw_extra(rows, i, ids[j]);
}

int fd_inline_features(const fd_snapshot *snapshot, const fd_item_rows *rows, float **ret) {
    const fi_model *model = snapshot->served->model;
    size_t n = rows->n_extra, width = snapshot->features->width;
    size_t count = fi_model_shape(model)->extras;
    FD_FREE float *features = reallocarray(NULL, n + 1, width * sizeof(*features));
    FD_FREE float *raw = reallocarray(NULL, n + 1, (count + 1) * sizeof(*raw));
    FD_FREE float *placed = reallocarray(NULL, n + 1, (count + 1) * sizeof(*placed));
    if (!features || !raw || !placed)
        return -ENOMEM;
    if (n > 0 && count > 0) {
        find_raw(model, rows, raw);
        fd_snapshot_place_extras(snapshot, n, raw, rows->extra_prompts, placed);
    }
    int r = n == 0 ? 0 : fi_model_features(model, n, rows->extra, placed, features);
    if (r == 0)
        *ret = FD_STEAL(features);
    return r;
}
