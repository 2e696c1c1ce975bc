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
    fd_growing_matrix *rows = malloc(bytes);
    if (!rows)
        return -ENOMEM;
    atomic_init(&rows->references, 1);
    rows->width = width;
    rows->capacity = capacity;
    *ret = rows;
    return 0;
}

fd_growing_matrix *fd_growing_matrix_reference(fd_growing_matrix *rows) {
    (void)atomic_fetch_add_explicit(&rows->references, 1, memory_order_relaxed);
    return rows;
}

void fd_growing_matrix_free(fd_growing_matrix *rows) {
    if (rows && atomic_fetch_sub_explicit(&rows->references, 1, memory_order_acq_rel) == 1)
        free(rows);
}

int fd_growing_matrix_reserve(fd_growing_matrix **rows, size_t used, size_t extra) {
    size_t needed = used + extra;
    if (needed <= (*rows)->capacity)
        return 0;
    size_t capacity = (*rows)->capacity + (*rows)->capacity / 2;
    if (capacity < needed)
        capacity = needed;
    if (capacity < 64)
        capacity = 64;

    fd_growing_matrix *grown;
    int r = fd_growing_matrix_new((*rows)->width, capacity, &grown);
    if (r < 0)
        return r;
    memcpy(grown->data, (*rows)->data, used * grown->width * sizeof(float));
    fd_growing_matrix_free(*rows);
    *rows = grown;
    return 0;
}
