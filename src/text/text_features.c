/* Computes the features of a response from what was counted in it and in its prompt. */
#include "text_features.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#define ZLIB_CONST 1
#include <zlib.h>

#include "text_scan.h"

struct fd_text_extractor {
    fd_text_counts prompt;
    fd_text_counts response;
    size_t response_size;     /* bytes */
    size_t response_deflated; /* bytes */
    z_stream deflater;
};

/* ---- memory ---- */

int fd_text_extractor_new(fd_text_extractor **ret) {
    enum { LEVEL = 6 };
    fd_text_extractor *extractor = calloc(1, sizeof(*extractor));
    if (!extractor)
        return -ENOMEM;
    if (deflateInit(&extractor->deflater, LEVEL) != Z_OK) {
        free(extractor);
        return -ENOMEM;
    }
    *ret = extractor;
    return 0;
}

void fd_text_extractor_free(fd_text_extractor *extractor) {
    fd_word_set_clear(&extractor->prompt.types);
    fd_word_set_clear(&extractor->response.types);
    (void)deflateEnd(&extractor->deflater);
    free(extractor);
}

/* ---- deflate ---- */

/* The size of a text as zlib compresses it; what it is compressed to is thrown away. */
static size_t deflated_size(z_stream *stream, const char *text, size_t size) {
    enum { PIECE = 1 << 14 };
    unsigned char piece[PIECE];
    assert(size <= UINT_MAX);
    (void)deflateReset(stream);
    stream->next_in = (const unsigned char *)text;
    stream->avail_in = (uInt)size;
    int result = Z_OK;
    while (result == Z_OK) {
        stream->next_out = piece;
        stream->avail_out = sizeof(piece);
        result = deflate(stream, Z_FINISH);
    }
    assert(result == Z_STREAM_END);
    return (size_t)stream->total_out;
}

/* ---- features ---- */

static double one_more(size_t count) {
    return (double)count + 1;
}

static double log_length(const fd_text_extractor *of) {
    return log(one_more(of->response.characters));
}

static double type_token(const fd_text_extractor *of) {
    return (double)of->response.types.count / sqrt(one_more(of->response.words));
}

static double lines(const fd_text_extractor *of) {
    return log(one_more(of->response.newlines));
}

static double lists(const fd_text_extractor *of) {
    return log(one_more(of->response.list_lines));
}

static double word_letters(const fd_text_extractor *of) {
    static const double without_words = 4;
    const fd_text_counts *response = &of->response;
    return response->words > 0 ? (double)response->word_characters / (double)response->words
                               : without_words;
}

static double compressibility(const fd_text_extractor *of) {
    enum { AROUND = 12 }; /* what a file format puts around deflated bytes, or about that */
    return (double)of->response_deflated / (double)(of->response_size + AROUND);
}

static double overlap(const fd_text_extractor *of) {
    return (double)fd_word_set_shared(&of->response.types, &of->prompt.types) /
           one_more(of->prompt.types.count);
}

static double cosine(const fd_text_extractor *of) {
    (void)of;
    return 0;
}

static double punctuation(const fd_text_extractor *of) {
    return 100 * (double)of->response.punctuation / one_more(of->response.characters);
}

static double sentence_length(const fd_text_extractor *of) {
    return log(one_more(of->response.words) / one_more(of->response.sentence_ends));
}

static const struct feature {
    const char *name;
    const char *sentence;
    double (*of)(const fd_text_extractor *extractor);
} features[] = {
#define X(identifier, name, sentence, function) {name, sentence, function},
#include "text_features.def"
#undef X
};

const char *fd_text_feature_name(size_t feature) {
    assert(feature < FD_TEXT_FEATURES);
    return features[feature].name;
}

const char *fd_text_feature_sentence(size_t feature) {
    assert(feature < FD_TEXT_FEATURES);
    return features[feature].sentence;
}

int fd_text_features(fd_text_extractor *extractor, const char *prompt, size_t prompt_size,
                     const char *response, size_t response_size,
                     double ret[static FD_TEXT_FEATURES]) {
    for (size_t i = 0; i < FD_TEXT_FEATURES; i++)
        ret[i] = (double)NAN;
    if (!prompt || !response)
        return 0;
    int r = fd_text_scan(prompt, prompt_size, &extractor->prompt);
    if (r == 0)
        r = fd_text_scan(response, response_size, &extractor->response);
    if (r < 0)
        return r;
    extractor->response_size = response_size;
    extractor->response_deflated = deflated_size(&extractor->deflater, response, response_size);
    for (size_t i = 0; i < FD_TEXT_FEATURES; i++)
        ret[i] = features[i].of(extractor);
    return 0;
}

double fd_text_cosine(const float *embedding, size_t n, size_t prompt_dimension) {
    double product = 0, prompt_squares = 0, response_squares = 0;
    if (prompt_dimension == 0 || prompt_dimension > n || n - prompt_dimension != prompt_dimension)
        return 0;
    const float *prompt = embedding, *response = embedding + prompt_dimension;
    for (size_t i = 0; i < prompt_dimension; i++) {
        product += (double)prompt[i] * (double)response[i];
        prompt_squares += (double)prompt[i] * (double)prompt[i];
        response_squares += (double)response[i] * (double)response[i];
    }
    double lengths = sqrt(prompt_squares) * sqrt(response_squares);
    return lengths > 0 ? fmax(-1, fmin(1, product / lengths)) : 0;
}
