/* Averages a fit over the models with and without the blocks that may be left out: last_layer.h. */
#ifndef FI_BLOCK_AVERAGING_H
#define FI_BLOCK_AVERAGING_H

#include <fisher/last_layer.h>

#include "macros.h"

/* A fit with all blocks: the mode of p coefficients and their covariance. */
typedef struct fi_full_fit {
    const fi_block *blocks; /* [n_blocks] */
    size_t n_blocks;
    size_t p;
    const double *precisions; /* [n_blocks] lambda */
    const double *beta;       /* [p] */
    const double *covariance; /* [p x p] H^-1, both triangles */
} fi_full_fit;

/* Sets beta [p], covariance [p x p] and probabilities [n_blocks]. -EINVAL for too many averaged
 * blocks, -EDOM if a block's covariance is not positive definite, -ENOMEM. */
int fi_average_blocks(const fi_full_fit *fit, double *beta, double *covariance,
                      double *probabilities) FD_MUST_CHECK;

#endif
