/* Counts the texts of items, and turns what is stored into what the engine holds. */
#include "item_text_features.h"

#include <errno.h>
#include <math.h>
#include <string.h>

int fd_text_features_of(fd_text_extractor *extractor, const fd_item_row *row,
                        float ret[static FD_TEXT_FEATURES]) {
    double values[FD_TEXT_FEATURES];
    int r = fd_text_features(extractor, row->prompt, strlen(row->prompt), row->response,
                             strlen(row->response), values);
    for (size_t i = 0; i < FD_TEXT_FEATURES && r == 0; i++)
        ret[i] = (float)values[i];
    return r;
}

int fd_text_features_count(fd_item_row *rows, size_t n, float **ret) {
    FD_CLEANUP(fd_text_extractor_freep) fd_text_extractor *extractor = NULL;
    FD_FREE float *values = NULL;
    size_t with_texts = 0;
    for (size_t i = 0; i < n; i++)
        with_texts += fd_item_has_texts(&rows[i]);
    if (with_texts == 0)
        return 0;
    int r = fd_text_extractor_new(&extractor);
    if (r < 0)
        return r;
    values = reallocarray(NULL, with_texts, FD_TEXT_FEATURES * sizeof(*values));
    if (!values)
        return -ENOMEM;
    float *next = values;
    for (size_t i = 0; i < n; i++) {
        if (!fd_item_has_texts(&rows[i]))
            continue;
        r = fd_text_features_of(extractor, &rows[i], next);
        if (r < 0)
            return r;
        rows[i].text_features = (fd_text_features_row){
            .version = FD_TEXT_FEATURES_VERSION, .count = FD_TEXT_FEATURES, .values = next};
        next += FD_TEXT_FEATURES;
    }
    *ret = FD_STEAL(values);
    return 0;
}

static void set_missing(float to[static FD_TEXT_FEATURES]) {
    for (size_t i = 0; i < FD_TEXT_FEATURES; i++)
        to[i] = NAN;
}

static size_t prompt_of(const fd_engine_options *options, size_t dimension) {
    return options->prompt_is_half ? dimension / 2 : options->prompt_dimension;
}

bool fd_text_features_take_embeddings(const fd_engine_options *options, size_t dimension) {
    size_t prompt = prompt_of(options, dimension);
    return options->text_features && prompt > 0 && dimension == 2 * prompt;
}

float fd_text_features_cosine(const fd_engine_options *options, const fd_item_row *row) {
    size_t prompt = prompt_of(options, row->dimension);
    return (float)fd_text_cosine(row->embedding, row->dimension, prompt);
}

void fd_text_features_place(const fd_engine_options *options, const fd_item_row *row,
                            float to[static FD_TEXT_FEATURES]) {
    if (!options->text_features || !fd_item_has_text_features(row)) {
        set_missing(to);
        return;
    }
    memcpy(to, row->text_features.values, FD_TEXT_FEATURES * sizeof(*to));
    to[FD_TEXT_COSINE] = row->embedding ? fd_text_features_cosine(options, row) : 0;
}

int fd_text_features_inline(fd_text_extractor *extractor, const fd_engine_options *options,
                            const fd_item_row *row, float to[static FD_TEXT_FEATURES]) {
    set_missing(to);
    if (!options->text_features || !fd_item_has_texts(row))
        return 0;
    int r = fd_text_features_of(extractor, row, to);
    to[FD_TEXT_COSINE] = fd_text_features_cosine(options, row);
    return r;
}
