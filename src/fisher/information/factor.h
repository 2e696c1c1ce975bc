/* The inside of fi_factor: the Cholesky factor U of M = U'U. */
#ifndef FI_FACTOR_H
#define FI_FACTOR_H

#include <fisher/information.h>

#include "macros.h"

struct fi_factor {
    size_t n;
    double upper[]; /* [n x n] U, row-major, zero below the diagonal */
};

FD_DEFINE_CLEANUP(fi_factor, fi_factor_free)

#endif
