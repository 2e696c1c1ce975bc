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

enum { ROWS_AT_ONCE = 4096 }; /* between two looks at whether to go on */

static int sum_rows(size_t inputs, size_t n, const float *embeddings,
                    const fi_continuation *continuation, double *sum) {
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        add_row(inputs, embeddings + i * inputs, sum);
        r = i % ROWS_AT_ONCE == 0 ? fi_continue(continuation) : 0;
    }
    return r;
}

static int sum_squares(size_t inputs, size_t n, const float *embeddings, const double *mean,
                       const fi_continuation *continuation, double *sum) {
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        add_squares(inputs, embeddings + i * inputs, mean, sum);
        r = i % ROWS_AT_ONCE == 0 ? fi_continue(continuation) : 0;
    }
    return r;
}

static int fit_columns(size_t inputs, size_t n, const float *embeddings,
                       const fi_continuation *continuation, double *mean, double *squares,
                       float *scale) {
    memset(mean, 0, inputs * sizeof(*mean));
    int r = sum_rows(inputs, n, embeddings, continuation, mean);
    if (r < 0)
        return r;
    for (size_t j = 0; j < inputs; j++)
        mean[j] /= (double)n;
    r = sum_squares(inputs, n, embeddings, mean, continuation, squares);
    if (r < 0)
        return r;
    for (size_t j = 0; j < inputs; j++) {
        double deviation = sqrt(squares[j] / (double)n);
        bool varies = deviation > DEVIATION_SHARE_MIN * fabs(mean[j]) && deviation > DEVIATION_MIN;
        scale[j] = varies ? (float)(1.0 / deviation) : 0.0f;
    }
    return 0;
}

int fi_model_fit_inputs(fi_model *model, size_t n, const float *embeddings) {
    return fi_model_fit_inputs_while(model, n, embeddings, NULL, NULL);
}

int fi_model_fit_inputs_while(fi_model *model, size_t n, const float *embeddings,
                              bool (*go_on)(void *context), void *context) {
    const fi_continuation continuation = {go_on, context};
    if (n == 0)
        return -EINVAL;
    FD_FREE double *squares = calloc(model->shape.inputs, sizeof(*squares));
    if (!squares)
        return -ENOMEM;
    int r = fit_columns(model->shape.inputs, n, embeddings, &continuation, model->mean, squares,
                        model->scale);
    return r == 0 && model->projection ? fi_fit_projection(model, n, embeddings, &continuation) : r;
}
