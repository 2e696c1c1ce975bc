/*
 * A float32 matrix that grows by rows while others read it.
 *
 * The writer appends rows that no snapshot shows yet. Every snapshot holds a reference to the block
 * that it reads, so rows that it shows never move or change. A block reserves addresses for many
 * more rows than it has, and takes memory as it grows, so growing copies nothing. Only where
 * addresses are scarce (`ulimit -v`), or past that many rows, it copies its rows into a larger
 * block; the last reader of the old one frees it.
 */
#ifndef FD_GROWING_MATRIX_H
#define FD_GROWING_MATRIX_H

#include <stdatomic.h>
#include <stddef.h>

#include "macros.h"

typedef struct fd_growing_matrix {
    atomic_size_t references;
    size_t width;
    size_t capacity; /* rows that have memory; only the one who appends reads it */
    size_t reserved; /* bytes of addresses */
    float *data;
} fd_growing_matrix;

/* An empty matrix with room for `capacity` rows. */
int fd_growing_matrix_new(size_t width, size_t capacity, fd_growing_matrix **ret) FD_MUST_CHECK;
fd_growing_matrix *fd_growing_matrix_reference(fd_growing_matrix *matrix);
void fd_growing_matrix_free(fd_growing_matrix *matrix); /* drops one reference */
FD_DEFINE_CLEANUP(fd_growing_matrix, fd_growing_matrix_free)

/* Makes room for `extra` rows after the first `used`: *matrix may become another block. */
int fd_growing_matrix_reserve(fd_growing_matrix **matrix, size_t used, size_t extra) FD_MUST_CHECK;

static inline float *fd_growing_matrix_row(const fd_growing_matrix *matrix, size_t index) {
    return matrix->data + index * matrix->width;
}

#endif
