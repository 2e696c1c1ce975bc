/*
 * NumPy's .npy files, to read row by row: versions 1 to 3, little-endian float32, float64, int32 or
 * int64, C order, up to 4 dimensions. The file is not trusted: sizes are checked against its
 * length.
 */
#ifndef FD_NPY_H
#define FD_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "macros.h"

typedef struct fd_npy fd_npy;

/* -EBADMSG for what is no such file, -ENOENT and the like where it cannot be opened; each with a
 * fault in words that names the path. */
int fd_npy_open(const char *path, fd_npy **ret, fd_fault *fault) FD_MUST_CHECK;
void fd_npy_close(fd_npy *npy);
FD_DEFINE_CLEANUP(fd_npy, fd_npy_close)

size_t fd_npy_rows(const fd_npy *npy);    /* the first dimension */
size_t fd_npy_columns(const fd_npy *npy); /* the product of the others; 1 without */

/* The next n rows [n x columns]; -ENODATA past the end, -EIO. */
int fd_npy_read(fd_npy *npy, size_t n, double *values) FD_MUST_CHECK;
int fd_npy_read_float(fd_npy *npy, size_t n, float *values) FD_MUST_CHECK;

#endif
