/* Means of figures that vary together within clusters, as the losses of a prompt's answers do. */
#ifndef FI_CLUSTERED_H
#define FI_CLUSTERED_H

#include <stddef.h>
#include <stdint.h>

#include "macros.h"

/* Sets the means [width] of rows [n x width], and their covariance [width x width]. Rows with one
 * key are one draw. The covariance is NaN with fewer than two keys. -ENOMEM. */
int fi_clustered_means(size_t n, size_t width, const double *rows, const uint64_t *keys,
                       double *means, double *covariance) FD_MUST_CHECK;

#endif
