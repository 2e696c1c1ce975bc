/* Random bytes from the system. */
#ifndef FD_RANDOM_BYTES_H
#define FD_RANDOM_BYTES_H

#include <assert.h>
#include <stddef.h>
#include <unistd.h>

/* Fills `ret` with bytes that nobody can predict; at most 256. */
static inline void fd_random_bytes(void *ret, size_t size) {
    int r = getentropy(ret, size);
    assert(r == 0); /* it fails only for more bytes, and on kernels older than the call */
    (void)r;
}

#endif
