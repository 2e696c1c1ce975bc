#include "strategy.h"

#include <errno.h>

enum { OFFERS_PER_CALL = 1024 };

/* The first steps of a Fisher-Yates shuffle. */
void fi_shuffle_front(fd_rng *rng, size_t n, size_t count, uint32_t *indices) {
    for (size_t i = 0; i < n; i++)
        indices[i] = (uint32_t)i;
    for (size_t i = 0; i < count; i++) {
        size_t other = i + (size_t)fd_rng_below(rng, n - i);
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
        int r = fi_constraints_offer(problem->admission, deck[i], problem->distinct->pairs[deck[i]],
                                     &verdict);
        if (r)
            return r;
        if (verdict == FI_ACCEPTED)
            batch[(*count)++] = deck[i];
        if (i % OFFERS_PER_CALL == 0)
            r = fi_go_on(problem->options, (double)*count / (double)k);
        if (r)
            return r;
    }
    return fi_constraints_fill(problem->admission, k, batch, NULL, count);
}

/* What two admissions say of a pair: it is new to `drawn`, and `admission` takes it. */
static int offer_both(fi_constraints *drawn, fi_constraints *admission, fi_pair pair, bool *ret) {
    fi_verdict verdict;
    *ret = false;
    int r = fi_constraints_offer(drawn, 0, pair, &verdict);
    if (r || verdict != FI_ACCEPTED)
        return r;
    r = fi_constraints_offer(admission, 0, pair, &verdict);
    *ret = verdict == FI_ACCEPTED;
    return r;
}

int fi_draw_from_pool(const fi_pool_view *view, const fi_selection_options *options,
                      fi_constraints *admission, fd_rng *rng, size_t k, fi_pair *batch,
                      size_t *count) {
    uint64_t numbers = view->before[view->distinct->n_items];
    FD_CLEANUP(fi_constraints_freep) fi_constraints *drawn = NULL;
    /* What was drawn before is a copy to an admission without limits. */
    int r = fi_constraints_new(view->distinct, &(fi_limits){.put_copies_off = true}, &drawn);
    /* Where so many draws do not do, few pairs are left: they are taken in their order, from a
     * place at random on. */
    uint64_t draws = 16 * (uint64_t)k, start = numbers > 0 ? fd_rng_below(rng, numbers) : 0;
    for (uint64_t i = 0; r == 0 && i < draws + numbers && *count < k && numbers > 0; i++) {
        bool taken = false;
        uint64_t number = i < draws ? fd_rng_below(rng, numbers) : (start + i) % numbers;
        fi_pair pair = fi_pool_pair(view, number);
        if (!fi_constraints_is_closed(admission, pair) &&
            !fi_key_is_among(fi_pair_key(pair), view->excluded, view->n_excluded))
            r = offer_both(drawn, admission, pair, &taken);
        if (r == 0 && taken)
            batch[(*count)++] = pair;
        if (r == 0 && i % OFFERS_PER_CALL == 0)
            r = fi_go_on(options, (double)*count / (double)k);
    }
    return r;
}

int fi_choose_random_from_pool(const fi_pool_problem *problem, size_t k, fi_pair *batch,
                               size_t *count) {
    return fi_draw_from_pool(problem->view, problem->options, problem->admission, problem->rng, k,
                             batch, count);
}
