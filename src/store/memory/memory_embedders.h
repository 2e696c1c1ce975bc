/* The embedder of the items in memory. */
#ifndef FD_MEMORY_EMBEDDERS_H
#define FD_MEMORY_EMBEDDERS_H

#include "memory_table.h"
#include "store.h"

typedef struct fd_memory_embedders {
    fd_memory_table table; /* the last row counts */
} fd_memory_embedders;

/* Drops all but the first `keep` rows. */
void fd_memory_embedders_drop(fd_memory_embedders *embedders, size_t keep);

/* As the store's operations. */
int fd_memory_embedder_write(fd_memory_embedders *embedders,
                             const fd_embedder_row *row) FD_MUST_CHECK;
int fd_memory_embedder_read(const fd_memory_embedders *embedders, fd_embedder_visit *visit,
                            void *context) FD_MUST_CHECK;

#endif
