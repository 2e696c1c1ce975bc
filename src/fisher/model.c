#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "network.h"
#include "rng.h"

/* Items prepared and run through the network at a time: a block of raw embeddings fits the cache.
 */
enum { BLOCK_ROWS = 64 };

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

/* Everything is zero. */
int fi_model_allocate(const fi_shape *shape, fi_model **ret) {
    if (!is_in_bounds(shape))
        return -EINVAL;
    size_t inputs = shape->inputs;
    size_t parameters = count_parameters(shape);
    size_t projection = (size_t)shape->components * inputs;
    fi_model *model = calloc(1, sizeof(*model) + inputs * sizeof(double) +
                                    (inputs + projection + parameters) * sizeof(float));
    if (!model)
        return -ENOMEM;
    model->shape = *shape;
    if (shape->hidden_layers == 0)
        model->shape.hidden_width = 0;
    model->parameter_count = parameters;
    model->mean = model->data;
    model->scale = (float *)(model->mean + inputs);
    model->projection = projection > 0 ? model->scale + inputs : NULL;
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

    fi_rng rng = fi_rng_seeded(seed);
    float *next = model->parameters;
    for (uint32_t l = 0; l <= model->shape.hidden_layers; l++) {
        fi_layer layer = fi_model_layer(model, l);
        size_t count = layer.outputs * layer.inputs + (layer.biases ? layer.outputs : 0);
        double bound = 1.0 / sqrt((double)layer.inputs);
        for (size_t i = 0; i < count; i++)
            *next++ = (float)((2.0 * fi_rng_uniform(&rng) - 1.0) * bound);
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
    if (model->projection)
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

float *fi_model_parameters(fi_model *model, size_t *ret_count) {
    *ret_count = model->parameter_count;
    return model->parameters;
}

fi_layer fi_model_layer(fi_model *model, uint32_t index) {
    assert(index <= model->shape.hidden_layers);
    size_t inputs = fi_model_prepared_count(model);
    size_t width = model->shape.hidden_width;
    float *next = model->parameters;
    for (uint32_t l = 0; l < index; l++) {
        next += (inputs + 1) * width;
        inputs = width;
    }
    if (index == model->shape.hidden_layers)
        return (fi_layer){1, inputs, next, NULL};
    return (fi_layer){width, inputs, next, next + inputs * width};
}

/* The rows go in blocks, through `first` as they are or, where it is NULL, prepared. */
static int run_blocks(const fi_model *model, const fi_layer *first, size_t n,
                      const float *embeddings, float *features) {
    size_t inputs = model->shape.inputs;
    size_t width = model->shape.hidden_width;
    size_t rows = n < BLOCK_ROWS ? n : BLOCK_ROWS;
    FD_CLEANUP(fi_pass_clear) fi_pass pass = {0};
    FD_FREE float *prepared = NULL;
    if (!first && !(prepared = calloc(rows + 1, fi_model_prepared_count(model) * sizeof(float))))
        return -ENOMEM;
    int r = fi_pass_init(model, rows, &pass);
    for (size_t at = 0; at < n && r == 0; at += BLOCK_ROWS) {
        size_t count = n - at < BLOCK_ROWS ? n - at : BLOCK_ROWS;
        const float *block = embeddings + at * inputs;
        const float *result;
        if (first) {
            result = fi_forward_from(model, first, count, block, &pass);
        } else {
            r = fi_model_prepare(model, count, block, prepared);
            result = fi_forward(model, count, prepared, &pass);
        }
        memcpy(features + at * width, result, count * width * sizeof(float));
    }
    return r;
}

int fi_model_features(const fi_model *model, size_t n, const float *embeddings, float *features) {
    if (model->shape.hidden_layers == 0)
        return fi_model_prepare(model, n, embeddings, features);
    FD_FREE float *block = NULL;
    fi_layer folded;
    int r = fi_fold_first_layer(model, &folded, &block);
    if (r < 0 && r != -ERANGE)
        return r;
    return run_blocks(model, r == 0 ? &folded : NULL, n, embeddings, features);
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
