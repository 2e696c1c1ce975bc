/* Offers candidates in the order of their keys. */
#include "take_largest.h"

#include <errno.h>
#include <math.h>

#include "cancellation.h"
#include "pair_keys.h"
#include "top_k.h"
#include "whitening.h"

enum { OFFERS_PER_CALL = 256 };

int fi_take_largest(const fi_problem *problem, const double *keys, size_t k, uint32_t *batch,
                    size_t *count) {
    size_t n = problem->distinct->n_pairs, offered = 0;
    FD_FREE uint32_t *ranked = calloc(n, sizeof(*ranked));
    if (!ranked)
        return -ENOMEM;
    /* Nearly always the first k are all accepted. */
    for (size_t room = k; *count < k && offered < n; room *= 4) {
        room = room < n ? room : n;
        int r = fi_top_k(n, keys, room, ranked);
        for (; r == 0 && offered < room && *count < k; offered++) {
            fi_verdict verdict;
            r = fi_constraints_offer(problem->constraints, ranked[offered],
                                     problem->distinct->pairs[ranked[offered]], &verdict);
            if (r == 0 && verdict == FI_ACCEPTED)
                batch[(*count)++] = ranked[offered];
            if (r == 0 && offered % OFFERS_PER_CALL == 0)
                r = fi_go_on(problem->options, (double)*count / (double)k);
        }
        if (r)
            return r;
    }
    return fi_constraints_fill(problem->constraints, k, batch, NULL, count);
}

/* ---- pools ---- */

/* The search ends after this many offers: then nearly all of the best pairs are copies of a few. */
enum { OFFERED_MAX = 1 << 20 };

/* Offers the finds in their order, and remembers the keys of all of them. */
static int offer_finds(const fi_pool_problem *problem, const fi_top_pairs *finds, size_t k,
                       fi_pair *batch, size_t *count, uint64_t *taken) {
    int r = 0;
    for (size_t i = 0; r == 0 && i < finds->count; i++) {
        taken[i] = fi_pair_key(finds->pairs[i].pair);
        if (*count == k)
            continue;
        fi_verdict verdict;
        r = fi_constraints_offer(problem->constraints, 0, finds->pairs[i].pair, &verdict);
        if (r == 0 && verdict == FI_ACCEPTED)
            batch[(*count)++] = finds->pairs[i].pair;
        if (r == 0 && i % OFFERS_PER_CALL == 0)
            r = fi_go_on(problem->options, (double)*count / (double)k);
    }
    return r;
}

int fi_take_largest_from_pool(const fi_pool_problem *problem, fi_pool_key key,
                              const fi_factor *factor, size_t k, fi_pair *batch, size_t *count) {
    const fi_distinct_items *distinct = problem->view->distinct;
    FD_FREE float *whitened = NULL;
    FD_FREE uint64_t *taken = NULL;
    size_t n_taken = 0;
    int r = 0;
    if (factor) {
        whitened = calloc(distinct->n_items + 1, distinct->n_features * sizeof(*whitened));
        r = whitened ? fi_whiten(factor, distinct, whitened) : -ENOMEM;
    }
    bool all = false;
    for (size_t room = k + k / 4; r == 0 && !all && *count < k && n_taken < OFFERED_MAX;
         room *= 4) {
        fi_pool_top_k query = {
            .view = problem->view,
            .options = problem->options,
            .constraints = problem->constraints,
            .taken = taken,
            .n_taken = n_taken,
            .key = key,
            .whitened = whitened,
            .least = -INFINITY,
            .room = room,
        };
        FD_CLEANUP(fi_top_pairs_clear) fi_top_pairs finds = {0};
        r = fi_pool_top_k_find(&query, &finds);
        if (r)
            break;
        fi_top_pairs_sort(&finds);
        uint64_t *grown = reallocarray(taken, n_taken + finds.count + 1, sizeof(*taken));
        if (!grown)
            return -ENOMEM;
        taken = grown;
        r = offer_finds(problem, &finds, k, batch, count, taken + n_taken);
        n_taken += finds.count;
        fi_sort_keys(taken, n_taken);
        all = finds.count < room;
    }
    return r ? r : fi_constraints_fill(problem->constraints, k, NULL, batch, count);
}
