/* The embeddings of stored items, which lie in the store alone. */
#ifndef FD_STORED_VECTORS_H
#define FD_STORED_VECTORS_H

#include <stdbool.h>
#include <stddef.h>

#include "macros.h"
#include "store.h"

/* Where they are read. */
typedef struct fd_vector_source {
    fd_store *store;
    bool are_coming; /* those of the coming embedder, of re_embedding.h */
} fd_vector_source;

/* Visits the vectors of items `first` to `end`. -EBADMSG if one is missing. */
int fd_stored_vectors_visit(const fd_vector_source *source, size_t first, size_t end,
                            fd_item_visit *visit, void *context) FD_MUST_CHECK;

/* Copies the vectors of items `first` to `end` to [(end - first) x dimension]. -EBADMSG if one is
 * missing or has another dimension. */
int fd_stored_vectors_copy(const fd_vector_source *source, size_t first, size_t end,
                           size_t dimension, float *to) FD_MUST_CHECK;

#endif
