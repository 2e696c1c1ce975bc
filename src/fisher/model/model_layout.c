/* How the numbers of a model lie in memory: one block, with pointers into it. */
#include "model_layout.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <fisher/reliability.h>

/* ---- shapes ---- */

static size_t prepared_count(const fi_shape *shape) {
    return shape->components > 0 ? shape->components : shape->inputs;
}

static size_t embedded_count(const fi_shape *shape) {
    return shape->hidden_layers > 0 ? shape->hidden_width : prepared_count(shape);
}

static size_t feature_count(const fi_shape *shape) {
    return embedded_count(shape) + shape->extras;
}

static bool is_in_bounds(const fi_shape *shape) {
    return shape->inputs >= 1 && shape->inputs <= FI_INPUTS_MAX &&
           shape->components <= shape->inputs && shape->components <= FI_WIDTH_MAX &&
           shape->hidden_layers <= FI_HIDDEN_LAYERS_MAX && shape->extras <= FI_EXTRAS_MAX &&
           embedded_count(shape) >= 1 && embedded_count(shape) <= FI_WIDTH_MAX &&
           feature_count(shape) <= FI_WIDTH_MAX;
}

static size_t count_parameters(const fi_shape *shape) {
    size_t inputs = prepared_count(shape);
    size_t count = 0;
    for (uint32_t l = 0; l < shape->hidden_layers; l++) {
        count += (inputs + 1) * shape->hidden_width;
        inputs = shape->hidden_width;
    }
    return count + inputs + shape->extras;
}

size_t fi_model_numbers_size(const fi_shape *shape) {
    if (!is_in_bounds(shape))
        return 0;
    size_t inputs = shape->inputs;
    size_t projection = shape->components * inputs;
    return (inputs + (size_t)3 * shape->extras) * sizeof(double) +
           (inputs + projection + count_parameters(shape)) * sizeof(float) +
           shape->extras * sizeof(uint32_t);
}

size_t fi_model_feature_count_of(const fi_shape *shape) {
    return feature_count(shape);
}

size_t fi_model_feature_count(const fi_model *model) {
    return feature_count(&model->shape);
}

size_t fi_model_embedded_count(const fi_model *model) {
    return embedded_count(&model->shape);
}

size_t fi_model_prepared_count(const fi_model *model) {
    return prepared_count(&model->shape);
}

/* ---- the block ---- */

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
    model->extra_mean = model->mean + inputs;
    model->extra_scale = model->extra_mean + shape->extras;
    model->extra_within = model->extra_scale + shape->extras;
    model->scale = (float *)(model->extra_within + shape->extras);
    model->projection = shape->components > 0 ? model->scale + inputs : NULL;
    model->parameters = model->scale + inputs + projection;
    model->extra_ids = (uint32_t *)(model->parameters + parameters);
    *ret = model;
    return 0;
}

void fi_model_free(fi_model *model) {
    if (!model)
        return;
    fi_last_layer_free(model->layer);
    fi_reliabilities_free(model->reliabilities);
    free(model);
}

void fi_model_copy_inputs(fi_model *model, const fi_model *from) {
    size_t inputs = model->shape.inputs;
    assert(from->shape.inputs == inputs && from->shape.components == model->shape.components);
    memcpy(model->mean, from->mean, inputs * sizeof(*model->mean));
    memcpy(model->scale, from->scale, inputs * sizeof(*model->scale));
    if (model->projection)
        memcpy(model->projection, from->projection,
               (size_t)model->shape.components * inputs * sizeof(*model->projection));
    size_t extras = model->shape.extras;
    if (extras == 0 || from->shape.extras != extras)
        return;
    memcpy(model->extra_mean, from->extra_mean, 3 * extras * sizeof(*model->extra_mean));
    memcpy(model->extra_ids, from->extra_ids, extras * sizeof(*model->extra_ids));
}

fi_layer fi_hidden_layer(const fi_model *model, uint32_t index) {
    size_t inputs = fi_model_prepared_count(model);
    size_t width = model->shape.hidden_width;
    float *weights = model->parameters;
    for (uint32_t l = 0; l < index; l++) {
        weights += (inputs + 1) * width;
        inputs = width;
    }
    return (fi_layer){width, inputs, weights, weights + inputs * width};
}

fi_layer fi_model_layer(const fi_model *model, uint32_t index) {
    assert(index <= model->shape.hidden_layers);
    if (index < model->shape.hidden_layers)
        return fi_hidden_layer(model, index);
    size_t features = fi_model_feature_count(model);
    return (fi_layer){1, features, model->parameters + model->parameter_count - features, NULL};
}
