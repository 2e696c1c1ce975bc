/* Decompresses a body that is gzip, piece by piece, in memory that does not grow. */
#ifndef FD_GZIP_BODY_H
#define FD_GZIP_BODY_H

#include <stddef.h>

#include "macros.h"

enum {
    FD_GZIP_BODY_MEMORY = 128 << 10, /* bytes that one takes */
    FD_GZIP_BODY_RATIO = 200,        /* most bytes for each byte, once there are many */
    FD_GZIP_BODY_FREE = 64 << 20,    /* bytes that may come out at any ratio */
};

typedef struct fd_gzip_body fd_gzip_body;

/* -ENOMEM. */
int fd_gzip_body_open(fd_gzip_body **ret) FD_MUST_CHECK;
void fd_gzip_body_close(fd_gzip_body *body);
FD_DEFINE_CLEANUP(fd_gzip_body, fd_gzip_body_close)

/* Hands what comes out of the next bytes to `take`, which returns 0, or what ends this and is
 * returned. -EBADMSG: they are not gzip; -EMSGSIZE: far more comes out than goes in, as of a bomb.
 * Nothing may be fed after a failure. */
int fd_gzip_body_feed(fd_gzip_body *body, const char *data, size_t size,
                      int (*take)(void *context, const char *data, size_t size),
                      void *context) FD_MUST_CHECK;

/* -EBADMSG: the end is missing. */
int fd_gzip_body_end(const fd_gzip_body *body) FD_MUST_CHECK;

#endif
