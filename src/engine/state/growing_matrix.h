/*
 * A float32 matrix that grows by rows while others read it.
 *
 * The writer appends beyond the rows that any snapshot shows, and every snapshot holds a reference
 * to the block that it reads, so that rows already shown never move or change. Growing past the
 * capacity copies into a new block; the last reader of the old one frees it.
 */
#ifndef FD_ROWS_H
#define FD_ROWS_H

#include <stdatomic.h>
#include <stddef.h>

#include "macros.h"

typedef struct fd_rows {
    atomic_size_t references;
    size_t width;
    size_t capacity; /* in rows */
    float data[];
} fd_rows;

/* An empty matrix with room for `capacity` rows. */
int fd_rows_new(size_t width, size_t capacity, fd_rows **ret) FD_MUST_CHECK;
fd_rows *fd_rows_reference(fd_rows *rows);
void fd_rows_free(fd_rows *rows); /* drops one reference */
FD_DEFINE_CLEANUP(fd_rows, fd_rows_free)

/* Makes room for `extra` rows after the first `used`: *rows may become another block. */
int fd_rows_reserve(fd_rows **rows, size_t used, size_t extra) FD_MUST_CHECK;

static inline float *fd_rows_at(fd_rows *rows, size_t index) {
    return rows->data + index * rows->width;
}

#endif
