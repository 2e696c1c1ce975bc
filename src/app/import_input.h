/* A file that is imported, or standard input, decompressed. */
#ifndef FD_IMPORT_INPUT_H
#define FD_IMPORT_INPUT_H

#include <stdint.h>

#include "decompression.h"

typedef struct fd_import_input {
    int descriptor;
    const char *name; /* not owned */
    fd_decompression *decompression;
    int64_t size; /* of the file in bytes; -1: unknown */
    int64_t at;   /* bytes that were read */
} fd_import_input;

/* Opens a file, or standard input if the path is "-". With a fault: -ENOENT and the like. */
int fd_import_input_open(const char *path, fd_decompressed *take, void *context,
                         fd_import_input *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_import_input_close(fd_import_input *input);

/* Reads the next bytes and hands on what they decompress to. Returns 1; 0 at the end. With a fault:
 * what fd_decompression_feed says; -EIO and the like. What `take` returned. */
int fd_import_input_read(fd_import_input *input, fd_fault *fault) FD_MUST_CHECK;

#endif
