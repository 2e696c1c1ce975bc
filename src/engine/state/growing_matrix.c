/* A reference-counted block of rows; growing past its capacity copies it into a new one. */
#include "growing_matrix.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

int fd_growing_matrix_new(size_t width, size_t capacity, fd_growing_matrix **ret) {
    size_t numbers, bytes;
    if (__builtin_mul_overflow(width, capacity, &numbers) ||
        __builtin_mul_overflow(numbers, sizeof(float), &bytes) ||
        __builtin_add_overflow(bytes, sizeof(fd_growing_matrix), &bytes))
        return -ENOMEM;
    fd_growing_matrix *matrix = malloc(bytes);
    if (!matrix)
        return -ENOMEM;
    atomic_init(&matrix->references, 1);
    matrix->width = width;
    matrix->capacity = capacity;
    *ret = matrix;
    return 0;
}

fd_growing_matrix *fd_growing_matrix_reference(fd_growing_matrix *matrix) {
    (void)atomic_fetch_add_explicit(&matrix->references, 1, memory_order_relaxed);
    return matrix;
}

void fd_growing_matrix_free(fd_growing_matrix *matrix) {
    if (matrix && atomic_fetch_sub_explicit(&matrix->references, 1, memory_order_acq_rel) == 1)
        free(matrix);
}

int fd_growing_matrix_reserve(fd_growing_matrix **matrix, size_t used, size_t extra) {
    size_t needed = used + extra;
    if (needed <= (*matrix)->capacity)
        return 0;
    size_t capacity = (*matrix)->capacity + (*matrix)->capacity / 2;
    if (capacity < needed)
        capacity = needed;
    if (capacity < 64)
        capacity = 64;

    fd_growing_matrix *grown;
    int r = fd_growing_matrix_new((*matrix)->width, capacity, &grown);
    if (r < 0)
        return r;
    memcpy(grown->data, (*matrix)->data, used * grown->width * sizeof(float));
    fd_growing_matrix_free(*matrix);
    *matrix = grown;
    return 0;
}
