/* The features and rewards of items: embeddings, or prepared inputs, through the model in blocks of
 * rows, and their extras beside them. */
#include <errno.h>
#include <string.h>

#include "model_layout.h"
#include "network.h"
#include "standardisation.h"
#include "target_clones.h"

/* Rows at a time. sgemm packs the weights again for each block, so blocks should be large, but the
 * hidden layers of a block, or its prepared rows, should stay in the cache. */
enum { BLOCK_ROWS = 1024 };

/* Scratch for a block of rows. */
struct scratch {
    float *prepared; /* [rows x prepared_count] */
    float *embedded; /* [rows x embedded_count] */
    float *spare;    /* the same size */
};

static void scratch_clear(struct scratch *scratch) {
    free(scratch->prepared);
    free(scratch->embedded);
    free(scratch->spare);
}

static size_t at_most(size_t limit, size_t n) {
    return n < limit ? n : limit;
}

static int scratch_init(struct scratch *scratch, const fi_model *model, size_t n) {
    size_t rows = at_most(BLOCK_ROWS, n) + 1, h = fi_model_embedded_count(model);
    scratch->prepared = calloc(rows, fi_model_prepared_count(model) * sizeof(float));
    scratch->embedded = calloc(rows, h * sizeof(float));
    scratch->spare = calloc(rows, h * sizeof(float));
    return scratch->prepared && scratch->embedded && scratch->spare ? 0 : -ENOMEM;
}

/* Copies the first `width` numbers of each row. */
static void copy_rows(size_t n, size_t width, const float *from, size_t from_stride, float *to,
                      size_t to_stride) {
    for (size_t i = 0; i < n; i++)
        memcpy(to + i * to_stride, from + i * from_stride, width * sizeof(*to));
}

/* The features of a block of prepared rows. */
static void run_block(const fi_model *model, size_t n, const float *prepared, size_t stride,
                      const float *extras, struct scratch *scratch, float *features) {
    size_t p = fi_model_prepared_count(model), h = fi_model_embedded_count(model);
    size_t e = model->shape.extras, width = h + e;
    if (model->shape.hidden_layers == 0) {
        copy_rows(n, h, prepared, stride, features, width);
    } else {
        if (stride != p) {
            copy_rows(n, p, prepared, stride, scratch->prepared, p);
            prepared = scratch->prepared;
        }
        fi_layer first = fi_hidden_layer(model, 0);
        fi_features_from(model, &first, n, prepared, scratch->spare, scratch->embedded);
        copy_rows(n, h, scratch->embedded, h, features, width);
    }
    for (size_t i = 0; i < n && e > 0; i++) {
        float *row = features + i * width + h;
        if (extras)
            memcpy(row, extras + i * e, e * sizeof(*row));
        else
            memset(row, 0, e * sizeof(*row));
    }
}

int fi_model_features_of_prepared(const fi_model *model, size_t n, const float *prepared,
                                  size_t stride, const float *extras, float *features) {
    size_t e = model->shape.extras, width = fi_model_feature_count(model);
    FD_CLEANUP(scratch_clear) struct scratch scratch = {0};
    int r = scratch_init(&scratch, model, n);
    for (size_t at = 0; at < n && r == 0; at += BLOCK_ROWS)
        run_block(model, at_most(BLOCK_ROWS, n - at), prepared + at * stride, stride,
                  extras ? extras + at * e : NULL, &scratch, features + at * width);
    return r;
}

int fi_model_features(const fi_model *model, size_t n, const float *embeddings, const float *extras,
                      float *features) {
    size_t p = fi_model_prepared_count(model);
    size_t e = model->shape.extras, width = fi_model_feature_count(model);
    if (model->shape.hidden_layers == 0 && e == 0)
        return fi_model_prepare(model, n, embeddings, features);
    FD_CLEANUP(scratch_clear) struct scratch scratch = {0};
    int r = scratch_init(&scratch, model, n);
    for (size_t at = 0; at < n && r == 0; at += BLOCK_ROWS) {
        size_t count = at_most(BLOCK_ROWS, n - at);
        r = fi_model_prepare(model, count, embeddings + at * model->shape.inputs, scratch.prepared);
        if (r == 0)
            run_block(model, count, scratch.prepared, p, extras ? extras + at * e : NULL, &scratch,
                      features + at * width);
    }
    return r;
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
