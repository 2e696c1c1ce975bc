/*
 * Reads an array of numbers row by row: NumPy's .npy (versions 1 to 3), the array of an .npz, or
 * the tensor of a file of safetensors, told from what the file begins with. Numbers are float16,
 * float32, float64, int32 or int64 in either byte order, and bfloat16 in safetensors; arrays are in
 * C or in Fortran order and have up to 4 dimensions. The header is not trusted: its sizes must
 * match the length of the file.
 */
#ifndef FD_NPY_H
#define FD_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "macros.h"

typedef struct fd_npy fd_npy;

/* -EBADMSG if it is not such a file, -ENOENT and the like if it cannot be opened; both with a fault
 * that names the path. */
int fd_npy_open(const char *path, fd_npy **ret, fd_fault *fault) FD_MUST_CHECK;
void fd_npy_close(fd_npy *npy);
FD_DEFINE_CLEANUP(fd_npy, fd_npy_close)

size_t fd_npy_rows(const fd_npy *npy);    /* the first dimension */
size_t fd_npy_columns(const fd_npy *npy); /* the product of the others; 1 if there are none */

/* Reads the next n rows [n x columns]. -ENODATA if fewer are left, -EIO. */
int fd_npy_read(fd_npy *npy, size_t n, double *values) FD_MUST_CHECK;
int fd_npy_read_float(fd_npy *npy, size_t n, float *values) FD_MUST_CHECK;

#endif
