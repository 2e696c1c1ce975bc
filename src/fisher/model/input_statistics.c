/* Measures the columns of embeddings: the input statistics of a model. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "model_layout.h"
#include "projection.h"
#include "target_clones.h"

/* A column with a smaller deviation counts as constant: divided by it, the largest number that an
 * item may bring later would not stay finite. */
#define DEVIATION_MIN 1e-9

/* A deviation below this share of the mean is rounding of float32. */
#define DEVIATION_SHARE_MIN 1e-6

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
        bool varies = deviation > DEVIATION_SHARE_MIN * fabs(mean[j]) && deviation > DEVIATION_MIN;
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
