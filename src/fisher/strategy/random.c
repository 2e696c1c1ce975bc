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

int fi_draw_from_pool(const fi_pool_view *view, fi_admission *admission, fi_rng *rng, size_t k,
                      fi_pair *batch, size_t *count) {
    uint64_t numbers = view->before[view->distinct->n_items];
    FD_CLEANUP(fi_admission_freep) fi_admission *drawn = NULL;
    /* What was drawn before is a copy to an admission without limits. */
    int r = fi_admission_new(view->distinct, &(fi_limits){.put_copies_off = true}, &drawn);
    for (uint64_t left = view->n_pairs; r == 0 && left > 0 && *count < k;) {
        fi_pair pair = fi_pool_pair(view, fi_rng_below(rng, numbers));
        fi_verdict verdict = FI_CLOSED;
        if (!fi_key_is_among(fi_pair_key(pair), view->excluded, view->n_excluded))
            r = fi_admission_offer(drawn, 0, pair, &verdict);
        if (r || verdict != FI_ADMITTED)
            continue;
        left--;
        r = fi_admission_offer(admission, 0, pair, &verdict);
        if (r == 0 && verdict == FI_ADMITTED)
            batch[(*count)++] = pair;
    }
    return r;
}

int fi_choose_random_from_pool(const fi_pool_problem *problem, size_t k, fi_pair *batch,
                               size_t *count) {
    return fi_draw_from_pool(problem->view, problem->admission, problem->rng, k, batch, count);
}
