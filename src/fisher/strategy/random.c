#include "strategy.h"

#include <errno.h>

/* The first k steps of a Fisher-Yates shuffle. */
int fi_choose_random(const fi_problem *problem, size_t k, uint32_t *batch) {
    size_t n = problem->distinct->n_pairs;
    FD_FREE uint32_t *deck = calloc(n, sizeof(*deck));
    if (!deck)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        deck[i] = (uint32_t)i;
    for (size_t i = 0; i < k; i++) {
        size_t other = i + (size_t)fi_rng_below(problem->rng, n - i);
        batch[i] = deck[other];
        deck[other] = deck[i];
    }
    return 0;
}
