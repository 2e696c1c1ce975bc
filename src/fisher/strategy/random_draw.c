/* Draws indices by a shuffle, and pairs of a pool by their numbers. */
#include "random_draw.h"

#include "cancellation.h"
#include "pair_keys.h"

enum { DRAWS_PER_CALL = 1024 };

/* Does the first steps of a Fisher-Yates shuffle. */
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

/* *ret: whether the pair is new to `drawn`, and the constraints accept it. */
static int offer_both(fi_constraints *drawn, fi_constraints *constraints, fi_pair pair, bool *ret) {
    fi_verdict verdict;
    *ret = false;
    int r = fi_constraints_offer(drawn, 0, pair, &verdict);
    if (r || verdict != FI_ACCEPTED)
        return r;
    r = fi_constraints_offer(constraints, 0, pair, &verdict);
    *ret = verdict == FI_ACCEPTED;
    return r;
}

int fi_draw_from_pool(const fi_pool_view *view, const fi_selection_options *options,
                      fi_constraints *constraints, fd_rng *rng, size_t k, fi_pair *batch,
                      size_t *count) {
    uint64_t numbers = view->before[view->distinct->n_items];
    FD_CLEANUP(fi_constraints_freep) fi_constraints *drawn = NULL;
    /* Without limits, these constraints only refuse pairs that were drawn before. */
    int r = fi_constraints_new(view->distinct, &(fi_limits){.defer_copies = true}, &drawn);
    /* If this many draws are not enough, few pairs are left. Then they are taken in their order,
     * from a random one on. */
    uint64_t draws = 16 * (uint64_t)k, start = numbers > 0 ? fd_rng_below(rng, numbers) : 0;
    for (uint64_t i = 0; r == 0 && i < draws + numbers && *count < k && numbers > 0; i++) {
        bool taken = false;
        uint64_t number = i < draws ? fd_rng_below(rng, numbers) : (start + i) % numbers;
        fi_pair pair = fi_pool_pair(view, number);
        if (!fi_constraints_is_closed(constraints, pair) &&
            !fi_key_is_among(fi_pair_key(pair), view->excluded, view->n_excluded))
            r = offer_both(drawn, constraints, pair, &taken);
        if (r == 0 && taken)
            batch[(*count)++] = pair;
        if (r == 0 && i % DRAWS_PER_CALL == 0)
            r = fi_go_on(options, (double)*count / (double)k);
    }
    return r;
}
