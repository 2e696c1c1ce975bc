/* What happens to an embedding before the network: standardisation and projection. */
#include <assert.h>
#include <cblas.h>
#include <errno.h>
#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "network.h"

enum { BLOCK_ROWS = 64 };

#define DEVIATION_MIN 1e-9

/* The difference is taken in float64, so that a large mean costs no digits. */
FI_CLONES static void standardise(size_t inputs, const double *restrict mean,
                                  const float *restrict scale, const float *restrict row,
                                  float *restrict result) {
    for (size_t j = 0; j < inputs; j++)
        result[j] = (float)((double)row[j] - mean[j]) * scale[j];
}

static void standardise_rows(const fi_model *model, size_t n, const float *embeddings,
                             float *result) {
    size_t inputs = model->shape.inputs;
    for (size_t i = 0; i < n; i++)
        standardise(inputs, model->mean, model->scale, embeddings + i * inputs,
                    result + i * inputs);
}

int fi_model_prepare(const fi_model *model, size_t n, const float *embeddings, float *prepared) {
    size_t inputs = model->shape.inputs;
    size_t components = model->shape.components;
    if (components == 0) {
        standardise_rows(model, n, embeddings, prepared);
        return 0;
    }
    FD_FREE float *block = calloc(BLOCK_ROWS, inputs * sizeof(*block));
    if (!block)
        return -ENOMEM;
    for (size_t first = 0; first < n; first += BLOCK_ROWS) {
        size_t count = n - first < BLOCK_ROWS ? n - first : BLOCK_ROWS;
        standardise_rows(model, count, embeddings + first * inputs, block);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)count, (int)components,
                    (int)inputs, 1.0f, block, (int)inputs, model->projection, (int)inputs, 0.0f,
                    prepared + first * components, (int)components);
    }
    return 0;
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

/* correlation [D x D], its lower triangle by columns: the sum of z z' over n. */
static int correlate(const fi_model *model, size_t n, const float *embeddings,
                     double *correlation) {
    size_t inputs = model->shape.inputs;
    FD_FREE float *block = calloc(BLOCK_ROWS, inputs * sizeof(*block));
    FD_FREE float *product = calloc(inputs, inputs * sizeof(*product));
    if (!block || !product)
        return -ENOMEM;
    for (size_t first = 0; first < n; first += BLOCK_ROWS) {
        size_t count = n - first < BLOCK_ROWS ? n - first : BLOCK_ROWS;
        standardise_rows(model, count, embeddings + first * inputs, block);
        cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)inputs, (int)count, 1.0f / (float)n,
                    block, (int)inputs, 1.0f, product, (int)inputs);
    }
    for (size_t i = 0; i < inputs * inputs; i++)
        correlation[i] = (double)product[i];
    return 0;
}

/*
 * Rows of the projection: the leading eigenvectors, the largest first, each with its largest entry
 * positive so that the sign is no accident, all divided by one number so that the projected inputs
 * have variance 1 on average and keep their proportions.
 */
static void set_projection(fi_model *model, const double *values, const double *vectors) {
    size_t inputs = model->shape.inputs;
    size_t components = model->shape.components;
    double total = 0.0;
    for (size_t k = 0; k < components; k++)
        total += fmax(values[k], 0.0);
    double scale = total > 0.0 ? sqrt((double)components / total) : 1.0;
    for (size_t k = 0; k < components; k++) {
        const double *vector = vectors + (components - 1 - k) * inputs; /* values ascend */
        double sign = vector[cblas_idamax((int)inputs, vector, 1)] < 0.0 ? -scale : scale;
        for (size_t j = 0; j < inputs; j++)
            model->projection[k * inputs + j] = (float)(sign * vector[j]);
    }
}

static int fit_projection(fi_model *model, size_t n, const float *embeddings) {
    size_t inputs = model->shape.inputs;
    size_t components = model->shape.components;
    FD_FREE double *correlation = calloc(inputs, inputs * sizeof(*correlation));
    FD_FREE double *vectors = calloc(components, inputs * sizeof(*vectors));
    FD_FREE double *values = calloc(inputs, sizeof(*values));
    FD_FREE int *support = calloc(2 * components, sizeof(*support));
    if (!correlation || !vectors || !values || !support)
        return -ENOMEM;
    int r = correlate(model, n, embeddings, correlation);
    if (r < 0)
        return r;
    int found, last = (int)inputs, first = last - (int)components + 1;
    if (LAPACKE_dsyevr(LAPACK_COL_MAJOR, 'V', 'I', 'L', last, correlation, last, 0.0, 0.0, first,
                       last, 0.0, &found, values, vectors, last, support) != 0 ||
        found != (int)components)
        return -EIO;
    set_projection(model, values, vectors);
    return 0;
}

int fi_model_fit_inputs(fi_model *model, size_t n, const float *embeddings) {
    if (n == 0)
        return -EINVAL;
    FD_FREE double *squares = calloc(model->shape.inputs, sizeof(*squares));
    if (!squares)
        return -ENOMEM;
    fit_columns(model->shape.inputs, n, embeddings, model->mean, squares, model->scale);
    return model->projection ? fit_projection(model, n, embeddings) : 0;
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
