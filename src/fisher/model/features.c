/* The features and rewards of items: embeddings through the whole model, in blocks of rows, and
 * their extras beside them. */
#include <errno.h>
#include <string.h>

#include "first_layer.h"
#include "model_layout.h"
#include "network.h"
#include "standardisation.h"
#include "target_clones.h"

/* Rows that pass through the network at a time. sgemm packs the weights again for each block, so
 * blocks should be large, but the hidden layers of a block, or its prepared rows, should stay in
 * the cache. */
enum { FOLDED_ROWS = 1024, PREPARED_ROWS = 64 };

static size_t at_most(size_t limit, size_t n) {
    return n < limit ? n : limit;
}

/* With a first layer that takes embeddings directly. */
static int run_folded(const fi_model *model, const fi_layer *first, size_t n,
                      const float *embeddings, float *features) {
    size_t width = model->shape.hidden_width;
    size_t rows = at_most(FOLDED_ROWS, n);
    FD_FREE float *spare = calloc(rows + 1, width * sizeof(*spare));
    if (!spare)
        return -ENOMEM;
    for (size_t at = 0; at < n; at += rows)
        fi_features_from(model, first, at_most(rows, n - at), embeddings + at * first->inputs,
                         spare, features + at * width);
    return 0;
}

/* With blocks of embeddings that are prepared first. */
static int run_prepared(const fi_model *model, size_t n, const float *embeddings, float *features) {
    fi_layer first = fi_hidden_layer(model, 0);
    size_t rows = at_most(PREPARED_ROWS, n);
    FD_FREE float *prepared = calloc(rows + 1, first.inputs * sizeof(*prepared));
    FD_FREE float *spare = calloc(rows + 1, first.outputs * sizeof(*spare));
    if (!prepared || !spare)
        return -ENOMEM;
    int r = 0;
    for (size_t at = 0; at < n && r == 0; at += rows) {
        size_t count = at_most(rows, n - at);
        r = fi_model_prepare(model, count, embeddings + at * model->shape.inputs, prepared);
        if (r == 0)
            fi_features_from(model, &first, count, prepared, spare, features + at * first.outputs);
    }
    return r;
}

static int embed(const fi_model *model, size_t n, const float *embeddings, float *features) {
    if (model->shape.hidden_layers == 0)
        return fi_model_prepare(model, n, embeddings, features);
    FD_FREE float *block = NULL;
    fi_layer folded;
    int r = fi_fold_first_layer(model, &folded, &block);
    if (r == -ERANGE)
        return run_prepared(model, n, embeddings, features);
    return r < 0 ? r : run_folded(model, &folded, n, embeddings, features);
}

int fi_model_features(const fi_model *model, size_t n, const float *embeddings, const float *extras,
                      float *features) {
    size_t h = fi_model_embedded_count(model), e = model->shape.extras, width = h + e;
    if (e == 0)
        return embed(model, n, embeddings, features);
    size_t rows = at_most(FOLDED_ROWS, n);
    FD_FREE float *embedded = calloc(rows + 1, h * sizeof(*embedded));
    if (!embedded)
        return -ENOMEM;
    for (size_t at = 0; at < n; at += rows) {
        size_t count = at_most(rows, n - at);
        int r = embed(model, count, embeddings + at * model->shape.inputs, embedded);
        if (r < 0)
            return r;
        for (size_t i = 0; i < count; i++) {
            float *row = features + (at + i) * width;
            memcpy(row, embedded + i * h, h * sizeof(*row));
            if (extras)
                memcpy(row + h, extras + (at + i) * e, e * sizeof(*row));
            else
                memset(row + h, 0, e * sizeof(*row));
        }
    }
    return 0;
}

FI_CLONES static float dot(size_t count, const float *restrict a, const float *restrict b) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Not by BLAS, because its order of summation depends on the row. Equal features must have equal
 * rewards. */
void fi_model_rewards(const fi_model *model, size_t n, const float *features, float *rewards) {
    size_t width = fi_model_feature_count(model);
    const float *beta = model->parameters + model->parameter_count - width;
    for (size_t i = 0; i < n; i++)
        rewards[i] = dot(width, features + i * width, beta);
}
