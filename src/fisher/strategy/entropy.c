/* The strategy `entropy`. The entropy of an answer falls as |logit| grows. */
#include <errno.h>
#include <math.h>

#include "take_largest.h"

int fi_choose_entropy(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    size_t n = problem->distinct->n_pairs;
    FD_FREE double *keys = calloc(n, sizeof(*keys));
    if (!keys)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        keys[i] = -fabs(problem->logits[i]);
    return fi_take_largest(problem, keys, k, batch, count);
}

int fi_choose_entropy_from_pool(const fi_pool_problem *problem, size_t k, fi_pair *batch,
                                size_t *count) {
    return fi_take_largest_from_pool(problem, FI_KEY_CLOSENESS, NULL, k, batch, count);
}
