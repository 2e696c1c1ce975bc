/* Reads gzip and zstd by what the bytes begin with, and passes on anything else as it is. Bytes
 * come in pieces of any size; several compressed files after one another are one. */
#ifndef FD_DECOMPRESSION_H
#define FD_DECOMPRESSION_H

#include <stddef.h>

#include "fault.h"
#include "macros.h"

typedef struct fd_decompression fd_decompression;

/* Takes bytes; returns 0, or -errno, which ends the feeding. */
typedef int fd_decompressed(void *context, const char *bytes, size_t size);

/* -ENOMEM. */
int fd_decompression_open(fd_decompressed *take, void *context,
                          fd_decompression **ret) FD_MUST_CHECK;
void fd_decompression_close(fd_decompression *decompression);
FD_DEFINE_CLEANUP(fd_decompression, fd_decompression_close)

/* -EBADMSG with a fault for bytes that are damaged, and, at the end, for a file that is cut off;
 * what `take` returned; -ENOMEM. Nothing may be fed after a failure. */
int fd_decompression_feed(fd_decompression *decompression, const char *bytes, size_t size,
                          fd_fault *fault) FD_MUST_CHECK;
int fd_decompression_end(fd_decompression *decompression, fd_fault *fault) FD_MUST_CHECK;

#endif
