/* Standardisation and projection, alone or folded into the first layer. */
#include <assert.h>
#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "standardisation.h"

enum { BLOCK_ROWS = 64 };

#define DEVIATION_MIN 1e-9

/* The difference is taken in float64, so that a large mean costs no digits. */
FI_CLONES static void standardise_row(size_t inputs, const double *restrict mean,
                                      const float *restrict scale, const float *restrict row,
                                      float *restrict result) {
    for (size_t j = 0; j < inputs; j++)
        result[j] = (float)((double)row[j] - mean[j]) * scale[j];
}

void fi_standardise(const fi_model *model, size_t count, const uint32_t *rows,
                    const float *embeddings, float *result) {
    size_t inputs = model->shape.inputs;
    for (size_t i = 0; i < count; i++)
        standardise_row(inputs, model->mean, model->scale,
                        embeddings + (rows ? rows[i] : i) * inputs, result + i * inputs);
}

int fi_prepare_rows(const fi_model *model, size_t count, const uint32_t *rows,
                    const float *embeddings, float *prepared) {
    size_t inputs = model->shape.inputs;
    size_t components = model->shape.components;
    if (components == 0) {
        fi_standardise(model, count, rows, embeddings, prepared);
        return 0;
    }
    FD_FREE float *block = calloc(BLOCK_ROWS, inputs * sizeof(*block));
    if (!block)
        return -ENOMEM;
    for (size_t first = 0; first < count; first += BLOCK_ROWS) {
        size_t part = count - first < BLOCK_ROWS ? count - first : BLOCK_ROWS;
        fi_standardise(model, part, rows ? rows + first : NULL,
                       rows ? embeddings : embeddings + first * inputs, block);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)part, (int)components,
                    (int)inputs, 1.0f, block, (int)inputs, model->projection, (int)inputs, 0.0f,
                    prepared + first * components, (int)components);
    }
    return 0;
}

int fi_model_prepare(const fi_model *model, size_t n, const float *embeddings, float *prepared) {
    return fi_prepare_rows(model, n, NULL, embeddings, prepared);
}

/* ---- folding ---- */

/* A mean this many deviations away from 0 costs two of float32's seven digits. */
static const double fold_limit = 64.0;

static int can_fold(const fi_model *model) {
    for (size_t j = 0; j < model->shape.inputs; j++)
        if (fabs(model->mean[j]) * (double)model->scale[j] > fold_limit)
            return -ERANGE;
    return 0;
}

/* E = W P diag(s) and b - E m, in place of W and b. */
static void fold(const fi_model *model, const fi_layer *first, float *weights, float *biases) {
    size_t inputs = model->shape.inputs;
    if (model->projection)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)first->outputs, (int)inputs,
                    (int)first->inputs, 1.0f, first->weights, (int)first->inputs, model->projection,
                    (int)inputs, 0.0f, weights, (int)inputs);
    else
        memcpy(weights, first->weights, first->outputs * inputs * sizeof(*weights));
    for (size_t i = 0; i < first->outputs; i++) {
        float *row = weights + i * inputs;
        double shift = 0.0;
        for (size_t j = 0; j < inputs; j++) {
            row[j] *= model->scale[j];
            shift += (double)row[j] * model->mean[j];
        }
        biases[i] = (float)((double)first->biases[i] - shift);
    }
}

int fi_fold_first_layer(const fi_model *model, fi_layer *ret, float **ret_block) {
    int r = can_fold(model);
    if (r < 0)
        return r;
    fi_layer first = fi_hidden_layer(model, 0);
    size_t inputs = model->shape.inputs;
    float *block = calloc(first.outputs, (inputs + 1) * sizeof(*block));
    if (!block)
        return -ENOMEM;
    *ret = (fi_layer){first.outputs, inputs, block, block + first.outputs * inputs};
    fold(model, &first, ret->weights, ret->biases);
    *ret_block = block;
    return 0;
}

/* ---- statistics ---- */

FI_CLONES static void add_row(size_t inputs, const float *restrict row, double *restrict sum) {
    for (size_t j = 0; j < inputs; j++)
        sum[j] += (double)row[j];
}

FI_CLONES static void add_squares(size_t inputs, const float *restrict row,
                                  const double *restrict mean, double *restrict sum) {
    for (size_t j = 0; j < inputs; j++)
        sum[j] += ((double)row[j] - mean[j]) * ((double)row[j] - mean[j]);
}

static void fit_columns(size_t inputs, size_t n, const float *embeddings, double *mean,
                        double *squares, float *scale) {
    memset(mean, 0, inputs * sizeof(*mean));
    for (size_t i = 0; i < n; i++)
        add_row(inputs, embeddings + i * inputs, mean);
    for (size_t j = 0; j < inputs; j++)
        mean[j] /= (double)n;
    for (size_t i = 0; i < n; i++)
        add_squares(inputs, embeddings + i * inputs, mean, squares);
    for (size_t j = 0; j < inputs; j++) {
        double deviation = sqrt(squares[j] / (double)n);
        /* What float32 cannot tell from rounding of the mean does not vary; nor does what is so
         * small that the largest number an item may bring later would not stay finite. */
        bool varies = deviation > 1e-6 * fabs(mean[j]) && deviation > DEVIATION_MIN;
        scale[j] = varies ? (float)(1.0 / deviation) : 0.0f;
    }
}

int fi_model_fit_inputs(fi_model *model, size_t n, const float *embeddings) {
    if (n == 0)
        return -EINVAL;
    FD_FREE double *squares = calloc(model->shape.inputs, sizeof(*squares));
    if (!squares)
        return -ENOMEM;
    fit_columns(model->shape.inputs, n, embeddings, model->mean, squares, model->scale);
    return model->projection ? fi_fit_projection(model, n, embeddings) : 0;
}

void fi_model_copy_inputs(fi_model *model, const fi_model *from) {
    size_t inputs = model->shape.inputs;
    assert(from->shape.inputs == inputs && from->shape.components == model->shape.components);
    memcpy(model->mean, from->mean, inputs * sizeof(*model->mean));
    memcpy(model->scale, from->scale, inputs * sizeof(*model->scale));
    if (model->projection)
        memcpy(model->projection, from->projection,
               (size_t)model->shape.components * inputs * sizeof(*model->projection));
}
