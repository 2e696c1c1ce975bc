/* Folds standardisation and projection into the first hidden layer. */
#include "first_layer.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <string.h>

/* A mean that is this many standard deviations away from 0 costs two of float32's seven digits. */
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
