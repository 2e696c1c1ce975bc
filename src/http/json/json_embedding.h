/* Embeddings in JSON: a list of numbers, or base64 (standard alphabet, padded) of little-endian
 * float32. */
#ifndef FD_JSON_EMBEDDING_H
#define FD_JSON_EMBEDDING_H

#include <jansson.h>
#include <stddef.h>

#include "fault.h"
#include "json_path.h"
#include "macros.h"

typedef struct fd_embedding {
    float *numbers; /* malloc'd [count]; the caller frees it */
    size_t count;
} fd_embedding;

/* -EINVAL with a fault for anything but 1 to FI_INPUTS_MAX finite numbers in bounds; -ENOMEM. */
int fd_json_embedding(const json_t *value, const fd_path *at, fd_embedding *ret,
                      fd_fault *fault) FD_MUST_CHECK;

/* The same for the characters of a base64 string [length]. */
int fd_json_embedding_of_base64(const char *text, size_t length, const fd_path *at,
                                fd_embedding *ret, fd_fault *fault) FD_MUST_CHECK;

/* Numbers as base64; NULL without memory. */
json_t *fd_json_base64(const float *numbers, size_t count);

#endif
