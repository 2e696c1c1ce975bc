#ifndef FD_RANDOM_H
#define FD_RANDOM_H

#include <assert.h>
#include <stddef.h>
#include <unistd.h>

/* Bytes that nobody can foresee, 256 at most. */
static inline void fd_random(void *ret, size_t size) {
    int r = getentropy(ret, size);
    assert(r == 0); /* it fails for more bytes, and on kernels older than it */
    (void)r;
}

#endif
