#ifndef FD_BLAS_KERNELS_H
#define FD_BLAS_KERNELS_H

#include "fault.h"
#include "macros.h"

/*
 * Has OpenBLAS compute with the kernels that the option blas-kernels names. The library chooses
 * when it is loaded, so this starts the program once more, in this process, where others are
 * wanted: call it before anything is open. `argv` is that of main. Returns -EINVAL for what can be
 * no name; kernels that cannot be had are a line in the log.
 */
int fd_blas_kernels_choose(const char *kernels, char **argv, fd_fault *fault) FD_MUST_CHECK;

#endif
