/* Digests of a store's rows, a hash for each block of them: two stores with the same digests have
 * the same contents, in the same order. */
#ifndef FD_COPY_DIGEST_H
#define FD_COPY_DIGEST_H

#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>

#include "macros.h"

enum { FD_DIGEST_BLOCK = 1000, FD_DIGEST_SIZE = 16 };

/* Starts as all zero. */
typedef struct fd_digest {
    uint64_t rows;
    size_t n, capacity;
    unsigned char (*blocks)[FD_DIGEST_SIZE]; /* [n] */
    bool is_open;                            /* a block has begun */
    crypto_generichash_state state;          /* of that block */
} fd_digest;

void fd_digest_clear(fd_digest *digest);

/* Begins a row; its members follow. -ENOMEM. */
int fd_digest_row(fd_digest *digest) FD_MUST_CHECK;
void fd_digest_text(fd_digest *digest, const char *text); /* may be NULL */
void fd_digest_integer(fd_digest *digest, int64_t value);
void fd_digest_real(fd_digest *digest, double value); /* all NaN are alike */
void fd_digest_bytes(fd_digest *digest, const void *bytes, size_t size);

/* Ends the last block. -ENOMEM. */
int fd_digest_end(fd_digest *digest) FD_MUST_CHECK;

/* Whether two digests that have ended are the same; else *ret_row gets the first row, from 0, of
 * the block that differs. */
bool fd_digest_is_same(const fd_digest *one, const fd_digest *other, uint64_t *ret_row);

#endif
