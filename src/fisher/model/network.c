/* The hidden layers: GELU, the forward pass and the backward pass. */
#include "network.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "float_exp.h"
#include "target_clones.h"

/*
 * Phi(-x) = exp(-x^2 / 2) q(t) / 2 for x >= 0, with t = 1 / (1 + c x). The form is that of Hastings
 * 1955. The coefficients are our own minimax fit to erfcx, with a relative error below 1e-7.
 */
static inline float lower_tail(float x, float exponential) {
    float t = 1.0f / (1.0f + 0.233345238f * x); /* c = 0.33 / sqrt(2) */
    float q = -6.7672240e-2f;
    q = q * t + 2.3011614e-1f;
    q = q * t - 1.7557085e-1f;
    q = q * t + 2.0424645e-1f;
    q = q * t + 2.3612138e-2f;
    q = q * t + 1.0061141e-1f;
    q = q * t + 9.1478054e-2f;
    q = q * t + 9.3178896e-2f;
    return q * t * exponential;
}

/* Phi(x), given exp(-x^2 / 2) */
static inline float distribution(float x, float exponential) {
    float tail = lower_tail(fabsf(x), exponential);
    return x > 0.0f ? 1.0f - tail : tail;
}

/* exp(-x^2 / 2) */
static inline float bell(float x) {
    float half_square = 0.5f * x * x;
    return fi_float_exp_negative(half_square < 87.0f ? half_square : 87.0f);
}

FI_CLONES void fi_gelu(size_t count, float *restrict z, float *restrict out) {
    for (size_t i = 0; i < count; i++) {
        float x = z[i];
        float exponential = bell(x);
        float phi = distribution(x, exponential);
        out[i] = x * phi;
        z[i] = phi + x * 0.398942280f * exponential;
    }
}

FI_CLONES static void gelu_in_place(size_t count, float *z) {
    for (size_t i = 0; i < count; i++)
        z[i] *= distribution(z[i], bell(z[i]));
}

/* ---- passes ---- */

int fi_pass_init(const fi_model *model, size_t n, fi_pass *ret) {
    size_t width = model->shape.hidden_width;
    size_t layers = model->shape.hidden_layers;
    *ret = (fi_pass){.n = n};
    size_t block = (n + 1) * (width + 1);
    ret->data = calloc(2 * layers + 2, block * sizeof(float));
    if (!ret->data)
        return -ENOMEM;
    for (size_t l = 0; l < layers; l++) {
        ret->outputs[l] = ret->data + 2 * l * block;
        ret->slopes[l] = ret->data + (2 * l + 1) * block;
    }
    ret->back[0] = ret->data + 2 * layers * block;
    ret->back[1] = ret->back[0] + block;
    return 0;
}

void fi_pass_clear(fi_pass *pass) {
    free(pass->data);
    pass->data = NULL;
}

FI_CLONES static void fill_rows(size_t n, size_t width, const float *restrict row,
                                float *restrict rows) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < width; j++)
            rows[i * width + j] = row[j];
}

/* z = rows W' + b */
static void apply(const fi_layer *layer, size_t n, const float *rows, float *z) {
    int width = (int)layer->outputs, fan_in = (int)layer->inputs;
    fill_rows(n, layer->outputs, layer->biases, z);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, width, fan_in, 1.0f, rows, fan_in,
                layer->weights, fan_in, 1.0f, z, width);
}

const float *fi_forward(const fi_model *model, size_t n, const float *inputs, fi_pass *pass) {
    for (uint32_t l = 0; l < model->shape.hidden_layers; l++) {
        fi_layer layer = fi_hidden_layer(model, l);
        apply(&layer, n, inputs, pass->slopes[l]);
        fi_gelu(n * layer.outputs, pass->slopes[l], pass->outputs[l]);
        inputs = pass->outputs[l];
    }
    return inputs;
}

void fi_features_from(const fi_model *model, const fi_layer *first, size_t n, const float *inputs,
                      float *spare, float *features) {
    uint32_t layers = model->shape.hidden_layers;
    for (uint32_t l = 0; l < layers; l++) {
        fi_layer layer = l == 0 ? *first : fi_hidden_layer(model, l);
        float *z = (layers - l) % 2 == 1 ? features : spare;
        apply(&layer, n, inputs, z);
        gelu_in_place(n * layer.outputs, z);
        inputs = z;
    }
}

FI_CLONES static void multiply(size_t count, const float *restrict by, float *restrict values) {
    for (size_t i = 0; i < count; i++)
        values[i] *= by[i];
}

FI_CLONES static void sum_rows(size_t n, size_t width, const float *restrict rows,
                               float *restrict sums) {
    for (size_t j = 0; j < width; j++)
        sums[j] = 0.0f;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < width; j++)
            sums[j] += rows[i * width + j];
}

/* rows = column row' */
FI_CLONES static void outer_product(size_t n, size_t width, const float *restrict column,
                                    const float *restrict row, float *restrict rows) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < width; j++)
            rows[i * width + j] = column[i] * row[j];
}

void fi_backward(const fi_model *model, size_t n, const float *inputs, fi_pass *pass,
                 const float *reward_gradient, float *gradient) {
    size_t layers = model->shape.hidden_layers;
    size_t width = fi_model_feature_count(model);
    size_t at = model->parameter_count - width; /* where beta starts, then each layer below */
    const float *features = layers > 0 ? pass->outputs[layers - 1] : inputs;
    float *back = pass->back[0], *next = pass->back[1];

    cblas_sgemv(CblasRowMajor, CblasTrans, (int)n, (int)width, 1.0f, features, (int)width,
                reward_gradient, 1, 0.0f, gradient + at, 1);
    if (layers > 0)
        outer_product(n, width, reward_gradient, model->parameters + at, back);
    for (size_t l = layers; l-- > 0;) {
        size_t fan_in = l > 0 ? width : fi_model_prepared_count(model);
        const float *below = l > 0 ? pass->outputs[l - 1] : inputs;
        at -= (fan_in + 1) * width;
        multiply(n * width, pass->slopes[l], back); /* d loss / d z */
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)width, (int)fan_in, (int)n, 1.0f,
                    back, (int)width, below, (int)fan_in, 0.0f, gradient + at, (int)fan_in);
        sum_rows(n, width, back, gradient + at + width * fan_in);
        if (l == 0)
            break;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)width, (int)width, 1.0f,
                    back, (int)width, model->parameters + at, (int)width, 0.0f, next, (int)width);
        float *done = back;
        back = next;
        next = done;
    }
}
