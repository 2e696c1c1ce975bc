#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "network.h"
#include "rng.h"

/* Items run through the network at a time: sgemm packs the weights anew for each block, but the
 * hidden layers of a block, or its prepared embeddings, should stay in the cache. */
enum { FOLDED_ROWS = 1024, PREPARED_ROWS = 64 };

static size_t feature_count(const fi_shape *shape) {
    if (shape->hidden_layers > 0)
        return shape->hidden_width;
    return shape->components > 0 ? shape->components : shape->inputs;
}

static bool is_in_bounds(const fi_shape *shape) {
    return shape->inputs >= 1 && shape->inputs <= FI_INPUTS_MAX &&
           shape->components <= shape->inputs && shape->components <= FI_WIDTH_MAX &&
           shape->hidden_layers <= FI_HIDDEN_LAYERS_MAX && feature_count(shape) >= 1 &&
           feature_count(shape) <= FI_WIDTH_MAX;
}

static size_t count_parameters(const fi_shape *shape) {
    size_t inputs = shape->components > 0 ? shape->components : shape->inputs;
    size_t count = 0;
    for (uint32_t l = 0; l < shape->hidden_layers; l++) {
        count += (inputs + 1) * shape->hidden_width;
        inputs = shape->hidden_width;
    }
    return count + inputs;
}

size_t fi_model_numbers_size(const fi_shape *shape) {
    if (!is_in_bounds(shape))
        return 0;
    size_t inputs = shape->inputs;
    size_t projection = shape->components * inputs;
    return inputs * sizeof(double) +
           (inputs + projection + count_parameters(shape)) * sizeof(float);
}

/* Everything is zero. */
int fi_model_allocate(const fi_shape *shape, fi_model **ret) {
    if (!is_in_bounds(shape))
        return -EINVAL;
    size_t inputs = shape->inputs;
    size_t parameters = count_parameters(shape);
    size_t projection = shape->components * inputs;
    fi_model *model = calloc(1, sizeof(*model) + fi_model_numbers_size(shape));
    if (!model)
        return -ENOMEM;
    model->shape = *shape;
    if (shape->hidden_layers == 0)
        model->shape.hidden_width = 0;
    model->parameter_count = parameters;
    model->mean = model->data;
    model->scale = (float *)(model->mean + inputs);
    model->projection = shape->components > 0 ? model->scale + inputs : NULL;
    model->parameters = model->scale + inputs + projection;
    *ret = model;
    return 0;
}

int fi_model_new(const fi_shape *shape, uint64_t seed, fi_model **ret) {
    fi_model *model;
    int r = fi_model_allocate(shape, &model);
    if (r < 0)
        return r;
    for (size_t i = 0; i < shape->inputs; i++)
        model->scale[i] = 1.0f;
    for (size_t i = 0; i < shape->components; i++)
        model->projection[i * shape->inputs + i] = 1.0f;

    fd_rng rng = fd_rng_seeded(seed);
    float *next = model->parameters;
    for (uint32_t l = 0; l <= model->shape.hidden_layers; l++) {
        fi_layer layer = fi_model_layer(model, l);
        size_t count = layer.outputs * layer.inputs + (layer.biases ? layer.outputs : 0);
        double bound = 1.0 / sqrt((double)layer.inputs);
        for (size_t i = 0; i < count; i++)
            *next++ = (float)((2.0 * fd_rng_uniform(&rng) - 1.0) * bound);
    }
    *ret = model;
    return 0;
}

int fi_model_copy(const fi_model *model, fi_model **ret) {
    const fi_shape *shape = &model->shape;
    fi_model *copy;
    int r = fi_model_allocate(shape, &copy);
    if (r < 0)
        return r;
    memcpy(copy->mean, model->mean, shape->inputs * sizeof(*copy->mean));
    memcpy(copy->scale, model->scale, shape->inputs * sizeof(*copy->scale));
    if (copy->projection)
        memcpy(copy->projection, model->projection,
               (size_t)shape->components * shape->inputs * sizeof(float));
    memcpy(copy->parameters, model->parameters, model->parameter_count * sizeof(float));
    *ret = copy;
    return 0;
}

void fi_model_free(fi_model *model) {
    free(model);
}

const fi_shape *fi_model_shape(const fi_model *model) {
    return &model->shape;
}

size_t fi_model_feature_count(const fi_model *model) {
    return feature_count(&model->shape);
}

size_t fi_model_prepared_count(const fi_model *model) {
    return model->shape.components > 0 ? model->shape.components : model->shape.inputs;
}

fi_inputs fi_model_inputs(const fi_model *model) {
    return (fi_inputs){model->mean, model->scale, model->projection};
}

float *fi_model_parameters(fi_model *model, size_t *ret_count) {
    *ret_count = model->parameter_count;
    return model->parameters;
}

fi_layer fi_model_layer(const fi_model *model, uint32_t index) {
    assert(index <= model->shape.hidden_layers);
    if (index < model->shape.hidden_layers)
        return fi_hidden_layer(model, index);
    size_t features = fi_model_feature_count(model);
    return (fi_layer){1, features, model->parameters + model->parameter_count - features, NULL};
}

static size_t at_most(size_t limit, size_t n) {
    return n < limit ? n : limit;
}

/* The first layer takes embeddings as they are. */
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

/* The embeddings of a block are prepared first. */
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

int fi_model_features(const fi_model *model, size_t n, const float *embeddings, float *features) {
    if (model->shape.hidden_layers == 0)
        return fi_model_prepare(model, n, embeddings, features);
    FD_FREE float *block = NULL;
    fi_layer folded;
    int r = fi_fold_first_layer(model, &folded, &block);
    if (r == -ERANGE)
        return run_prepared(model, n, embeddings, features);
    return r < 0 ? r : run_folded(model, &folded, n, embeddings, features);
}

FI_CLONES static float dot(size_t count, const float *restrict a, const float *restrict b) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Not by BLAS, whose order of summation changes with the row: equal features have equal rewards. */
void fi_model_rewards(const fi_model *model, size_t n, const float *features, float *rewards) {
    size_t width = fi_model_feature_count(model);
    const float *beta = model->parameters + model->parameter_count - width;
    for (size_t i = 0; i < n; i++)
        rewards[i] = dot(width, features + i * width, beta);
}
