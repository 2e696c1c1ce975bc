/* Makes the components of items out of embeddings. */
#include "item_components.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Rows that are read and projected at a time. */
enum { ROWS_AT_ONCE = 1024 };

/* Input statistics come from at most so many items, in runs of neighbours. */
enum { SAMPLED_ITEMS = 100000, RUN_ITEMS = 100 };

/* ---- names ---- */

void fd_inputs_name(const fi_model *model, char ret[static FD_INPUTS_NAME_SIZE]) {
    unsigned char hash[(FD_INPUTS_NAME_SIZE - 1) / 2];
    const fi_shape *shape = fi_model_shape(model);
    const fi_inputs inputs = fi_model_inputs(model);
    const uint32_t counts[] = {shape->inputs, shape->components};
    size_t n = shape->inputs;
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    (void)crypto_generichash_update(&state, (const unsigned char *)counts, sizeof(counts));
    (void)crypto_generichash_update(&state, (const unsigned char *)inputs.mean,
                                    n * sizeof(*inputs.mean));
    (void)crypto_generichash_update(&state, (const unsigned char *)inputs.scale,
                                    n * sizeof(*inputs.scale));
    if (inputs.projection)
        (void)crypto_generichash_update(&state, (const unsigned char *)inputs.projection,
                                        shape->components * n * sizeof(*inputs.projection));
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    (void)sodium_bin2hex(ret, FD_INPUTS_NAME_SIZE, hash, sizeof(hash));
}

/* ---- components ---- */

static int look_whether_to_go_on(const fd_going_on *going_on) {
    if (!going_on)
        return 0;
    bool ends = (going_on->interrupted && atomic_load(going_on->interrupted)) ||
                (going_on->go_on && !going_on->go_on(going_on->context, 0.0));
    return ends ? -ECANCELED : 0;
}

static size_t at_most(size_t limit, size_t n) {
    return n < limit ? n : limit;
}

int fd_components_place(const fi_model *model, size_t n, const float *embeddings,
                        fd_growing_matrix *matrix, size_t first) {
    size_t width = fi_model_prepared_count(model), dimension = fi_model_shape(model)->inputs;
    if (matrix->width == width)
        return fi_model_prepare(model, n, embeddings, fd_growing_matrix_row(matrix, first));
    FD_FREE float *prepared = calloc(at_most(ROWS_AT_ONCE, n) + 1, width * sizeof(*prepared));
    int r = prepared ? 0 : -ENOMEM;
    for (size_t at = 0; at < n && r == 0; at += ROWS_AT_ONCE) {
        size_t rows = at_most(ROWS_AT_ONCE, n - at);
        r = fi_model_prepare(model, rows, embeddings + at * dimension, prepared);
        for (size_t i = 0; i < rows && r == 0; i++)
            memcpy(fd_growing_matrix_row(matrix, first + at + i), prepared + i * width,
                   width * sizeof(*prepared));
    }
    return r;
}

int fd_components_read(const fd_vector_source *source, const fi_model *model, size_t first,
                       size_t end, const fd_going_on *going_on, fd_growing_matrix *matrix) {
    size_t dimension = fi_model_shape(model)->inputs;
    FD_FREE float *embeddings =
        calloc(at_most(ROWS_AT_ONCE, end - first) + 1, dimension * sizeof(*embeddings));
    int r = embeddings ? 0 : -ENOMEM;
    for (size_t at = first; at < end && r == 0; at += ROWS_AT_ONCE) {
        size_t rows = at_most(ROWS_AT_ONCE, end - at);
        r = look_whether_to_go_on(going_on);
        if (r == 0)
            r = fd_stored_vectors_copy(source, at, at + rows, dimension, embeddings);
        if (r == 0)
            r = fd_components_place(model, rows, embeddings, matrix, at);
    }
    return r;
}

void fd_components_copy(const fd_growing_matrix *from, size_t width, size_t first, size_t end,
                        fd_growing_matrix *to) {
    for (size_t i = first; i < end; i++)
        memcpy(fd_growing_matrix_row(to, i), fd_growing_matrix_row(from, i), width * sizeof(float));
}

/* ---- input statistics ---- */

static bool goes_on(void *context) {
    return look_whether_to_go_on(context) == 0;
}

/* Reads all n vectors, or runs of neighbours that lie as far apart as fit. */
static int read_sample(const fd_vector_source *source, size_t n, size_t dimension,
                       const fd_going_on *going_on, float *sample) {
    size_t runs = SAMPLED_ITEMS / RUN_ITEMS;
    if (n <= SAMPLED_ITEMS)
        return fd_stored_vectors_copy(source, 0, n, dimension, sample);
    int r = 0;
    for (size_t i = 0; i < runs && r == 0; i++) {
        size_t first = (n - RUN_ITEMS) * i / (runs - 1);
        r = look_whether_to_go_on(going_on);
        if (r == 0)
            r = fd_stored_vectors_copy(source, first, first + RUN_ITEMS, dimension,
                                       sample + i * RUN_ITEMS * dimension);
    }
    return r;
}

int fd_inputs_fit(const fd_vector_source *source, size_t n, const fd_going_on *going_on,
                  fi_model *model) {
    size_t dimension = fi_model_shape(model)->inputs, rows = at_most(SAMPLED_ITEMS, n);
    fd_going_on always = {0};
    FD_FREE float *sample = reallocarray(NULL, rows + 1, dimension * sizeof(*sample));
    if (!sample)
        return -ENOMEM;
    int r = read_sample(source, n, dimension, going_on, sample);
    if (going_on)
        always = *going_on;
    return r < 0 ? r : fi_model_fit_inputs_while(model, rows, sample, goes_on, &always);
}
