/*
 * Finds the leading eigenvectors of the correlation matrix C, the mean of z z' over standardised
 * items z.
 *
 * LAPACK returns eigenvalues in ascending order, so -C is decomposed. With few columns that is C
 * itself. With many columns, subspace iteration starts from random vectors Q, repeats
 * Q <- orth(C Q), and at the end decomposes the small matrix Q' C Q (Halko, Martinsson and Tropp
 * 2011, "Finding structure with randomness", algorithms 4.4 and 5.3). C is never formed: C Q is the
 * mean of z (z' Q), over a sample if there are many items.
 */
#include "projection.h"

#include <cblas.h>
#include <errno.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdbool.h>

#include "rng.h"
#include "standardisation.h"

enum {
    BLOCK_ROWS = 256,
    OVERSAMPLING = 16,      /* vectors that are iterated, beyond the wanted components */
    EXACT_RATIO = 4,        /* decompose C itself up to this many columns per vector */
    SAMPLE_LEAST = 8192,    /* items in a full sweep at least, */
    SAMPLE_PER_VECTOR = 16, /* and at least this many per vector */
};

/* The sweeps over the items, each over a fraction of the full sample. The first sweeps only have to
 * find the rough directions. */
static const size_t fractions[] = {8, 4, 2, 1, 1};

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/*
 * Scales the eigenvectors of -C, which are the rows of the projection, given the eigenvalues. The
 * largest entry of each becomes positive, so that the sign is defined. One factor for all gives the
 * projected inputs variance 1 on average. Eigenvectors become 0 if their eigenvalue is within the
 * float32 rounding of C, whose trace is at most D.
 */
static void scale_projection(fi_model *model, const double *values) {
    size_t inputs = model->shape.inputs;
    size_t components = model->shape.components;
    double least = (double)FLT_EPSILON * (double)inputs;
    double total = 0.0;
    for (size_t k = 0; k < components; k++)
        total += -values[k] > least ? -values[k] : 0.0;
    for (size_t k = 0; k < components; k++) {
        float *row = model->projection + k * inputs;
        double scale = -values[k] > least ? sqrt((double)components / total) : 0.0;
        bool flip = row[cblas_isamax((int)inputs, row, 1)] < 0.0f;
        for (size_t j = 0; j < inputs; j++)
            row[j] = (float)((flip ? -scale : scale) * (double)row[j]);
    }
}

/* ---- few columns ---- */

/* correlation [D x D] = -C, the lower triangle in column-major order. */
static int correlate(const fi_model *model, size_t n, const float *embeddings,
                     const fi_continuation *continuation, double *correlation) {
    size_t inputs = model->shape.inputs;
    FD_FREE float *block = calloc(BLOCK_ROWS, inputs * sizeof(*block));
    FD_FREE float *product = calloc(inputs, inputs * sizeof(*product));
    if (!block || !product)
        return -ENOMEM;
    for (size_t first = 0; first < n; first += BLOCK_ROWS) {
        size_t count = smaller(n - first, BLOCK_ROWS);
        int r = fi_continue(continuation);
        if (r < 0)
            return r;
        fi_standardise(model, count, NULL, embeddings + first * inputs, block);
        cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)inputs, (int)count,
                    -1.0f / (float)n, block, (int)inputs, 1.0f, product, (int)inputs);
    }
    for (size_t i = 0; i < inputs * inputs; i++)
        correlation[i] = (double)product[i];
    return 0;
}

static int decompose(fi_model *model, size_t n, const float *embeddings,
                     const fi_continuation *continuation) {
    size_t inputs = model->shape.inputs;
    size_t components = model->shape.components;
    FD_FREE double *correlation = calloc(inputs, inputs * sizeof(*correlation));
    FD_FREE double *vectors = calloc(components, inputs * sizeof(*vectors));
    FD_FREE double *values = calloc(inputs, sizeof(*values));
    FD_FREE int *support = calloc(2 * components, sizeof(*support));
    if (!correlation || !vectors || !values || !support)
        return -ENOMEM;
    int r = correlate(model, n, embeddings, continuation, correlation);
    if (r < 0)
        return r;
    int found, d = (int)inputs;
    if (LAPACKE_dsyevr(LAPACK_COL_MAJOR, 'V', 'I', 'L', d, correlation, d, 0.0, 0.0, 1,
                       (int)components, 0.0, &found, values, vectors, d, support) != 0 ||
        found != (int)components)
        return -EIO;
    for (size_t i = 0; i < components * inputs; i++)
        model->projection[i] = (float)vectors[i];
    scale_projection(model, values);
    return 0;
}

/* ---- many columns ---- */

typedef struct iteration {
    const fi_model *model;
    size_t n;
    const float *embeddings;
    size_t width;              /* vectors */
    float *vectors;            /* Q' [width x D] */
    float *product;            /* (C Q)' [width x D] */
    float *block;              /* z' [BLOCK_ROWS x D] */
    float *coordinates;        /* z' Q [BLOCK_ROWS x width] */
    float *reflectors;         /* [width] of the QR factorisation */
    uint32_t rows[BLOCK_ROWS]; /* the items of the block */
    fd_rng rng;
} iteration;

static void iteration_clear(iteration *state) {
    free(state->vectors);
    free(state->product);
    free(state->block);
    free(state->coordinates);
    free(state->reflectors);
}

static int iteration_init(iteration *state, const fi_model *model, size_t n,
                          const float *embeddings) {
    size_t inputs = model->shape.inputs;
    size_t width = model->shape.components + OVERSAMPLING;
    *state = (iteration){model, n, embeddings, width, .rng = fd_rng_seeded(1)};
    state->vectors = calloc(width, inputs * sizeof(float));
    state->product = calloc(width, inputs * sizeof(float));
    state->block = calloc(BLOCK_ROWS, inputs * sizeof(float));
    state->coordinates = calloc(BLOCK_ROWS, width * sizeof(float));
    state->reflectors = calloc(width, sizeof(float));
    if (!state->vectors || !state->product || !state->block || !state->coordinates ||
        !state->reflectors)
        return -ENOMEM;
    for (size_t i = 0; i < width * inputs; i++)
        state->vectors[i] = (float)(fd_rng_uniform(&state->rng) - 0.5);
    return 0;
}

/* Draws one item from each of `sample` even parts. Each sweep draws different items, so that the
 * vectors do not fit the noise of a few, and the draw does not follow any period in their order. */
static uint32_t draw(iteration *state, size_t part, size_t sample) {
    size_t first = part * state->n / sample;
    size_t end = (part + 1) * state->n / sample;
    return (uint32_t)(first + fd_rng_below(&state->rng, end - first));
}

/* product = C Q over a sample of the items. */
static void sweep(iteration *state, size_t sample) {
    int inputs = (int)state->model->shape.inputs, width = (int)state->width;
    for (size_t first = 0; first < sample; first += BLOCK_ROWS) {
        size_t count = smaller(sample - first, BLOCK_ROWS);
        for (size_t i = 0; i < count; i++)
            state->rows[i] = draw(state, first + i, sample);
        fi_standardise(state->model, count, state->rows, state->embeddings, state->block);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)count, width, inputs, 1.0f,
                    state->block, inputs, state->vectors, inputs, 0.0f, state->coordinates, width);
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, width, inputs, (int)count,
                    1.0f / (float)sample, state->coordinates, width, state->block, inputs,
                    first == 0 ? 0.0f : 1.0f, state->product, inputs);
    }
}

/* Q = orth(C Q). If its rank is lower, the missing directions are arbitrary. */
static int orthonormalise(iteration *state) {
    int inputs = (int)state->model->shape.inputs, width = (int)state->width;
    float *swapped = state->vectors;
    state->vectors = state->product;
    state->product = swapped;
    /* Only memory can run out. */
    if (LAPACKE_sgeqrf(LAPACK_COL_MAJOR, inputs, width, state->vectors, inputs,
                       state->reflectors) != 0 ||
        LAPACKE_sorgqr(LAPACK_COL_MAJOR, inputs, width, width, state->vectors, inputs,
                       state->reflectors) != 0)
        return -ENOMEM;
    return 0;
}

/* Finds the eigenvectors of C in the span of Q: Q times those of Q' C Q. */
static int project(const iteration *state, fi_model *model) {
    size_t width = state->width, components = model->shape.components;
    int inputs = (int)model->shape.inputs;
    FD_FREE float *small = calloc(width, width * sizeof(*small));
    FD_FREE double *vectors = calloc(width, width * sizeof(*vectors));
    FD_FREE double *values = calloc(width, sizeof(*values));
    if (!small || !vectors || !values)
        return -ENOMEM;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)width, (int)width, inputs, -1.0f,
                state->vectors, inputs, state->product, inputs, 0.0f, small, (int)width);
    for (size_t i = 0; i < width * width; i++)
        vectors[i] = (double)small[i];
    if (LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', (int)width, vectors, (int)width, values) != 0)
        return -EIO;
    for (size_t i = 0; i < components * width; i++)
        small[i] = (float)vectors[i];
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)components, inputs, (int)width,
                1.0f, small, (int)width, state->vectors, inputs, 0.0f, model->projection, inputs);
    scale_projection(model, values);
    return 0;
}

static int iterate(fi_model *model, size_t n, const float *embeddings,
                   const fi_continuation *continuation) {
    FD_CLEANUP(iteration_clear) iteration state;
    int r = iteration_init(&state, model, n, embeddings);
    size_t full = larger(SAMPLE_LEAST, SAMPLE_PER_VECTOR * state.width);
    for (size_t i = 0; i < FD_LENGTH(fractions) && r == 0; i++) {
        r = fi_continue(continuation);
        if (r == 0 && i > 0)
            r = orthonormalise(&state);
        if (r == 0)
            sweep(&state, smaller(n, full / fractions[i]));
    }
    return r < 0 ? r : project(&state, model);
}

int fi_fit_projection(fi_model *model, size_t n, const float *embeddings,
                      const fi_continuation *continuation) {
    size_t width = model->shape.components + OVERSAMPLING;
    return model->shape.inputs <= EXACT_RATIO * width
               ? decompose(model, n, embeddings, continuation)
               : iterate(model, n, embeddings, continuation);
}
