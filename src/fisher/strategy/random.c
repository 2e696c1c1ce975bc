#include "strategy.h"

#include <errno.h>

/* The first steps of a Fisher-Yates shuffle. */
void fi_shuffle_front(fi_rng *rng, size_t n, size_t count, uint32_t *indices) {
    for (size_t i = 0; i < n; i++)
        indices[i] = (uint32_t)i;
    for (size_t i = 0; i < count; i++) {
        size_t other = i + (size_t)fi_rng_below(rng, n - i);
        uint32_t drawn = indices[other];
        indices[other] = indices[i];
        indices[i] = drawn;
    }
}

int fi_choose_random(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    size_t n = problem->distinct->n_pairs;
    FD_FREE uint32_t *deck = calloc(n, sizeof(*deck));
    if (!deck)
        return -ENOMEM;
    fi_shuffle_front(problem->rng, n, n, deck);
    for (size_t i = 0; i < n && *count < k; i++) {
        fi_verdict verdict;
        int r = fi_admission_offer(problem->admission, deck[i], problem->distinct->pairs[deck[i]],
                                   &verdict);
        if (r)
            return r;
        if (verdict == FI_ADMITTED)
            batch[(*count)++] = deck[i];
    }
    return fi_admission_fill(problem->admission, k, batch, count);
}
