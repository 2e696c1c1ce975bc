#include "strategy.h"

#include <errno.h>

#include "lazy.h"

int fi_choose_greedy(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    const fi_distinct *distinct = problem->distinct;
    FD_FREE float *whitened = calloc(distinct->n_items, distinct->n_features * sizeof(*whitened));
    if (!whitened)
        return -ENOMEM;
    int r = fi_whiten(problem->factor, distinct, whitened);
    if (r)
        return r;
    fi_lazy from = {
        .distinct = distinct,
        .whitened = whitened,
        .weights = problem->weights,
        .admission = problem->admission,
        .options = problem->options,
        .floor = -1.0,
    };
    r = fi_lazy_pick(&from, k, batch, count);
    return r ? r : fi_admission_fill(problem->admission, k, batch, count);
}
