/* Embeddings that came in a file of their own, by the ids of their items. They are kept in memory.
 */
#ifndef FD_IMPORT_VECTORS_H
#define FD_IMPORT_VECTORS_H

#include <stdbool.h>
#include <stddef.h>

#include "macros.h"
#include "store_rows.h"

typedef struct fd_import_vectors {
    struct fd_import_vector *list; /* by id */
    size_t unused;                 /* those that no item has had yet */
} fd_import_vectors;

void fd_import_vectors_clear(fd_import_vectors *vectors);

/* Keeps the embedding of a row; the last one of an id counts. -ENOMEM. */
int fd_import_vectors_keep(fd_import_vectors *vectors, const fd_item_row *row) FD_MUST_CHECK;

/* Gives the row its embedding, which is borrowed. False: there is none. */
bool fd_import_vectors_find(fd_import_vectors *vectors, fd_item_row *row);

#endif
