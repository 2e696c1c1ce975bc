/* A reference-counted block of rows in reserved addresses, which get memory as the block grows. */
#include "growing_matrix.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* Addresses are reserved for this many rows where they are plenty, and memory is taken in steps. */
enum { ROWS_RESERVED = 1 << 24, STEP_BYTES = 1 << 20 };

/* ---- memory ---- */

static bool addresses_are_plenty(void) {
    struct rlimit limit;
    return sizeof(void *) >= 8 && getrlimit(RLIMIT_AS, &limit) == 0 &&
           limit.rlim_cur == RLIM_INFINITY;
}

/* Bytes of `rows` rows in whole pages; -ENOMEM if nothing can hold them. */
static int bytes_of(size_t width, size_t rows, size_t *ret) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes;
    if (__builtin_mul_overflow(width, rows, &bytes) ||
        __builtin_mul_overflow(bytes, sizeof(float), &bytes) ||
        __builtin_add_overflow(bytes, page - 1, &bytes))
        return -ENOMEM;
    *ret = bytes / page * page;
    return 0;
}

/* Gives memory to the first `bytes` bytes. */
static int commit(fd_growing_matrix *matrix, size_t bytes) {
    if (bytes > 0 && mprotect(matrix->data, bytes, PROT_READ | PROT_WRITE) < 0)
        return -ENOMEM;
    matrix->capacity = matrix->width > 0 ? bytes / (matrix->width * sizeof(float)) : SIZE_MAX;
    return 0;
}

/* Reserves addresses for `most` bytes, or fewer down to `least`. */
static int reserve_addresses(fd_growing_matrix *matrix, size_t least, size_t most) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    for (size_t bytes = most > least ? most : least;; bytes /= 2) {
        bytes = bytes > least ? bytes : least;
        /* cppcheck-suppress invalidFunctionArg ; anonymous memory has no file */
        void *data = mmap(NULL, bytes, PROT_NONE, flags, -1, 0);
        if (data != MAP_FAILED) {
            matrix->data = data;
            matrix->reserved = bytes;
            return 0;
        }
        if (bytes == least)
            return -ENOMEM;
    }
}

/* ---- life ---- */

int fd_growing_matrix_new(size_t width, size_t capacity, fd_growing_matrix **ret) {
    FD_CLEANUP(fd_growing_matrix_freep) fd_growing_matrix *matrix = NULL;
    size_t least, most;
    int r = bytes_of(width, capacity > 0 ? capacity : 1, &least);
    if (r < 0 || bytes_of(width, ROWS_RESERVED, &most) < 0 || !addresses_are_plenty())
        most = 0;
    if (r < 0)
        return r;
    matrix = calloc(1, sizeof(*matrix));
    if (!matrix)
        return -ENOMEM;
    atomic_init(&matrix->references, 1);
    matrix->width = width;
    r = reserve_addresses(matrix, least, most);
    if (r == 0)
        r = commit(matrix, least);
    if (r < 0)
        return r;
    *ret = FD_STEAL(matrix);
    return 0;
}

fd_growing_matrix *fd_growing_matrix_reference(fd_growing_matrix *matrix) {
    (void)atomic_fetch_add_explicit(&matrix->references, 1, memory_order_relaxed);
    return matrix;
}

void fd_growing_matrix_free(fd_growing_matrix *matrix) {
    if (!matrix || atomic_fetch_sub_explicit(&matrix->references, 1, memory_order_acq_rel) != 1)
        return;
    if (matrix->data)
        (void)munmap(matrix->data, matrix->reserved);
    free(matrix);
}

/* ---- growth ---- */

static int copy_into_larger(fd_growing_matrix **matrix, size_t used, size_t needed) {
    size_t capacity = (*matrix)->capacity + (*matrix)->capacity / 2;
    fd_growing_matrix *grown;
    int r = fd_growing_matrix_new((*matrix)->width, capacity > needed ? capacity : needed, &grown);
    if (r < 0)
        return r;
    memcpy(grown->data, (*matrix)->data, used * grown->width * sizeof(float));
    fd_growing_matrix_free(*matrix);
    *matrix = grown;
    return 0;
}

int fd_growing_matrix_reserve(fd_growing_matrix **matrix, size_t used, size_t extra) {
    size_t needed = used + extra, bytes;
    if (needed <= (*matrix)->capacity)
        return 0;
    int r = bytes_of((*matrix)->width, needed, &bytes);
    if (r < 0)
        return r;
    if (bytes > (*matrix)->reserved)
        return copy_into_larger(matrix, used, needed);
    size_t left = (*matrix)->reserved - bytes;
    return commit(*matrix, bytes + (left < STEP_BYTES ? left : STEP_BYTES));
}
