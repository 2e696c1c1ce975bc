/*
 * The features of a response to a prompt: ten numbers that tell its length and its style.
 *
 * With n the words of the response plus one, and c its characters plus one:
 *
 *     log_length       log c
 *     type_token       types / sqrt(n)
 *     lines            log(1 + newlines)
 *     lists            log(1 + lines that begin with -, *, a bullet, or a number with a point)
 *     word_letters     characters of words / words; 4 where there are none
 *     compressibility  bytes of zlib's deflate at level 6 / (bytes + 12)
 *     overlap          types that the prompt has too / (types of the prompt + 1)
 *     cosine           fd_text_cosine
 *     punctuation      100 x punctuation / c
 *     sentence_length  log(n / (ends of sentences + 1))
 *
 * text_scan.h says what characters, words, types, punctuation and ends of sentences are. Features
 * of the same text are the same everywhere, except that `compressibility` depends a little on the
 * version of zlib, and characters that a newer Unicode added depend on the version of libunistring.
 */
#ifndef FD_TEXT_FEATURES_H
#define FD_TEXT_FEATURES_H

#include <stddef.h>

#include "macros.h"

enum {
#define X(identifier, name, sentence, function) FD_TEXT_##identifier,
#include "text_features.def"
#undef X
    FD_TEXT_FEATURES,
};

/* Another number: stored features were computed in another way. */
enum { FD_TEXT_FEATURES_VERSION = 1 };

/* Memory for computing features, used by one thread at a time: most of what a short text costs is
 * getting it. */
typedef struct fd_text_extractor fd_text_extractor;

int fd_text_extractor_new(fd_text_extractor **ret) FD_MUST_CHECK; /* -ENOMEM */
void fd_text_extractor_free(fd_text_extractor *extractor);
FD_DEFINE_CLEANUP(fd_text_extractor, fd_text_extractor_free)

/* The features of a response to a prompt, both in UTF-8; bytes that are not count as characters
 * that are in no word. Without a prompt or without a response (NULL) all are NaN; an empty text is
 * a text. The cosine is 0: the caller knows the embedding. Takes time proportional to the texts,
 * whatever they hold, and memory as fd_text_features_memory says. -ENOMEM. */
int fd_text_features(fd_text_extractor *extractor, const char *prompt, size_t prompt_size,
                     const char *response, size_t response_size,
                     double ret[static FD_TEXT_FEATURES]) FD_MUST_CHECK;

/* The most bytes that an extractor takes for words of texts of at most `longest` bytes. A word
 * takes two bytes of a text or more, and 16 bytes to be sorted, in lists that at most double. */
static inline size_t fd_text_features_memory(size_t longest) {
    return 32 * longest;
}

/* The cosine of the first `prompt_dimension` of n numbers, which come from the prompt, and the
 * others, which come from the response. 0 where the two parts have different lengths, where one of
 * them has only zeros, and where `prompt_dimension` is 0: not known. */
double fd_text_cosine(const float *embedding, size_t n, size_t prompt_dimension);

/* As the API spells it, and in words. */
const char *fd_text_feature_name(size_t feature);
const char *fd_text_feature_sentence(size_t feature);

#endif
