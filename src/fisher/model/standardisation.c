/* Standardises and projects embeddings. */
#include "standardisation.h"

#include <cblas.h>
#include <errno.h>

#include "target_clones.h"

enum { BLOCK_ROWS = 64 };

/* Subtracts in float64, so that a large mean costs no digits. */
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
