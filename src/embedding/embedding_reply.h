/* The answer of a server of embeddings: {"data": [{"index", "embedding"}, …]}. */
#ifndef FD_EMBEDDING_REPLY_H
#define FD_EMBEDDING_REPLY_H

#include <jansson.h>
#include <stddef.h>

#include "fault.h"
#include "macros.h"

enum { FD_REPLY_DEPTH_MAX = 16 };

/* Vectors of one dimension, one after another; malloc'd. */
typedef struct fd_vectors {
    float *values; /* [n x dimension] */
    size_t dimension;
} fd_vectors;

static inline void fd_vectors_clear(fd_vectors *vectors) {
    free(vectors->values);
}

/*
 * Reads the vectors of n texts, in the order of `index`. A vector is a list of numbers, or base64
 * (standard alphabet, padded) of little-endian float32. -EPROTO with a fault unless each index from
 * 0 to n - 1 is there once, all vectors have the same dimension (`dimension`, unless that is 0),
 * and all numbers are finite and in bounds. -ENOMEM. The caller frees ret->values.
 */
int fd_embedding_reply_read(const char *body, size_t size, size_t n, size_t dimension,
                            fd_vectors *ret, fd_fault *fault) FD_MUST_CHECK;

/* Parses JSON of a stranger: at most FD_REPLY_DEPTH_MAX deep, with each member once. -EPROTO with a
 * fault that ends in `whose`, such as "of the embedding server". -ENOMEM. */
int fd_embedding_json_parse(const char *text, size_t size, const char *whose, json_t **ret,
                            fd_fault *fault) FD_MUST_CHECK;

/* Reads one vector to place `at` of n; the first sets the dimension and makes room for all.
 * -EPROTO with a fault, -ENOMEM. */
int fd_vectors_read(fd_vectors *vectors, size_t n, size_t at, const json_t *value,
                    fd_fault *fault) FD_MUST_CHECK;

#endif
