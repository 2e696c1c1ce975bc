/* Draws candidates by weight with random keys. */
#include "weighted_draw.h"

#include <errno.h>
#include <math.h>

#include "take_largest.h"

/* In place of log 0. The noise is within -4 and 37, and the log of the least positive double is
 * -745, so weights of 0 come last. */
#define LOG_OF_ZERO (-1000.0)

/* Uniform in (0, 1), so that its logarithm is neither 0 nor infinite. */
static double open_uniform(fd_rng *rng) {
    return (double)(fd_rng_next(rng) >> 11 | 1) * 0x1p-53;
}

/* -log(-log(u^(1 / weight))): has the order of the keys, and cannot overflow. */
static double key_of(double weight, fd_rng *rng) {
    return (weight > 0.0 ? log(weight) : LOG_OF_ZERO) - log(-log(open_uniform(rng)));
}

int fi_weighted_draw(const fi_problem *problem, const double *weights, size_t k, uint32_t *batch,
                     size_t *count) {
    size_t n = problem->distinct->n_pairs;
    FD_FREE double *keys = calloc(n, sizeof(*keys));
    if (!keys)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        keys[i] = key_of(weights[i], problem->rng);
    return fi_take_largest(problem, keys, k, batch, count);
}
