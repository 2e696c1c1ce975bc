/* The mark that `fisherd copy` leaves in its target, as a shared file: until the copy is complete,
 * nothing but the same command may use the target. */
#ifndef FD_COPY_MARK_H
#define FD_COPY_MARK_H

#include "store.h"

typedef enum fd_copy_state {
    FD_COPY_NONE, /* nothing was ever copied into the store */
    FD_COPY_UNFINISHED,
    FD_COPY_COMPLETE,
} fd_copy_state;

enum { FD_COPY_SOURCE_SIZE = 33 };

typedef struct fd_copy_mark {
    fd_copy_state state;
    char source[FD_COPY_SOURCE_SIZE]; /* names the store that was copied, in hexadecimal digits */
    uint64_t version;                 /* of the shared file */
} fd_copy_mark;

/* -EBADMSG: the mark is none that this program knows. */
int fd_copy_mark_read(fd_store *store, fd_copy_mark *ret) FD_MUST_CHECK;

/* Writes the mark in the place of the version that it names, and notes the new one. -EEXIST:
 * another process has written one meanwhile. */
int fd_copy_mark_write(fd_store *store, fd_copy_mark *mark) FD_MUST_CHECK;

#endif
