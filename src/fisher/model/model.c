/* Makes, copies and describes models. */
#include <errno.h>
#include <fisher/reliability.h>
#include <math.h>
#include <string.h>

#include "model_layout.h"
#include "rng.h"

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
    fi_model *copy;
    int r = fi_model_allocate(&model->shape, &copy);
    if (r < 0)
        return r;
    fi_model_copy_inputs(copy, model);
    memcpy(copy->parameters, model->parameters, model->parameter_count * sizeof(float));
    r = model->layer ? fi_last_layer_copy(model->layer, &copy->layer) : 0;
    if (r == 0 && model->reliabilities)
        r = fi_reliabilities_copy(model->reliabilities, &copy->reliabilities);
    if (r < 0) {
        fi_model_free(copy);
        return r;
    }
    *ret = copy;
    return 0;
}

const fi_last_layer *fi_model_last_layer(const fi_model *model) {
    return model->layer;
}

int fi_model_set_last_layer(fi_model *model, const fi_last_layer *layer) {
    size_t width = fi_model_feature_count(model);
    fi_last_layer *copy;
    if (layer->n_features != width)
        return -EINVAL;
    int r = fi_last_layer_copy(layer, &copy);
    if (r < 0)
        return r;
    fi_last_layer_free(model->layer);
    model->layer = copy;
    float *beta = model->parameters + model->parameter_count - width;
    for (size_t j = 0; j < width; j++)
        beta[j] = (float)layer->beta[j];
    return 0;
}

const fi_shape *fi_model_shape(const fi_model *model) {
    return &model->shape;
}

fi_inputs fi_model_inputs(const fi_model *model) {
    return (fi_inputs){model->mean, model->scale, model->projection};
}

int fi_model_take_inputs(fi_model *model, const fi_model *from) {
    if (from->shape.inputs != model->shape.inputs ||
        from->shape.components != model->shape.components)
        return -EINVAL;
    fi_model_copy_inputs(model, from);
    return 0;
}

float *fi_model_parameters(fi_model *model, size_t *ret_count) {
    *ret_count = model->parameter_count;
    return model->parameters;
}
