/* The processor-specific kernels that OpenBLAS computes with. */
#ifndef FD_BLAS_KERNELS_H
#define FD_BLAS_KERNELS_H

#include "fault.h"
#include "macros.h"

/* -EINVAL with a fault if the text cannot be the name of kernels. */
int fd_blas_kernels_check(const char *kernels, fd_fault *fault) FD_MUST_CHECK;

/*
 * Makes OpenBLAS use the kernels that the option blas-kernels names. The library chooses its
 * kernels when it is loaded. To change them, this function runs the program again in the same
 * process (execv): call it before anything is open. `argv` is that of main. -EINVAL if `kernels`
 * cannot be a name; if OpenBLAS does not have these kernels, the log says so.
 */
int fd_blas_kernels_choose(const char *kernels, char **argv, fd_fault *fault) FD_MUST_CHECK;

#endif
