/* The strategy `random`: uniform draws without replacement. */
#include <errno.h>

#include "cancellation.h"
#include "random_draw.h"

enum { OFFERS_PER_CALL = 1024 };

int fi_choose_random(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    size_t n = problem->distinct->n_pairs;
    FD_FREE uint32_t *order = calloc(n, sizeof(*order));
    if (!order)
        return -ENOMEM;
    fi_shuffle_front(problem->rng, n, n, order);
    for (size_t i = 0; i < n && *count < k; i++) {
        fi_verdict verdict;
        int r = fi_constraints_offer(problem->constraints, order[i],
                                     problem->distinct->pairs[order[i]], &verdict);
        if (r)
            return r;
        if (verdict == FI_ACCEPTED)
            batch[(*count)++] = order[i];
        if (i % OFFERS_PER_CALL == 0)
            r = fi_go_on(problem->options, (double)*count / (double)k);
        if (r)
            return r;
    }
    return fi_constraints_fill(problem->constraints, k, batch, NULL, count);
}

int fi_choose_random_from_pool(const fi_pool_problem *problem, size_t k, fi_pair *batch,
                               size_t *count) {
    return fi_draw_from_pool(problem->view, problem->options, problem->constraints, problem->rng, k,
                             batch, count);
}
