#include "strategy.h"

#include <errno.h>

#include "lazy.h"

/* ---- from a list ---- */

static int grow_by_candidates(fi_factor **factor, const fi_problem *problem, size_t count,
                              const uint32_t *picked) {
    FD_FREE fi_pair *pairs = calloc(count + 1, sizeof(*pairs));
    FD_FREE double *weights = calloc(count + 1, sizeof(*weights));
    if (!pairs || !weights)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        pairs[i] = problem->distinct->pairs[picked[i]];
        weights[i] = problem->weights[picked[i]];
    }
    return fi_factor_grow(factor, problem->distinct, count, pairs, weights);
}

int fi_choose_greedy(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    const fi_distinct *distinct = problem->distinct;
    FD_FREE float *whitened = calloc(distinct->n_items, distinct->n_features * sizeof(*whitened));
    FD_FREE uint8_t *offered = calloc(distinct->n_pairs, sizeof(*offered));
    if (!whitened || !offered)
        return -ENOMEM;
    FD_CLEANUP(fi_factor_freep) fi_factor *factor = NULL;
    int r = fi_factor_copy(problem->factor, &factor);
    for (bool any = true; r == 0 && any && *count < k;) {
        fi_lazy from = {
            .distinct = distinct,
            .whitened = whitened,
            .weights = problem->weights,
            .admission = problem->admission,
            .options = problem->options,
            .offered = offered,
            .floor = -1.0,
        };
        size_t before = *count;
        r = fi_whiten(factor, distinct, whitened);
        if (r == 0)
            r = fi_lazy_pick(&from, k, batch, count);
        any = *count > before;
        if (r == 0 && any && *count < k)
            r = grow_by_candidates(&factor, problem, *count - before, batch + before);
    }
    return r ? r : fi_admission_fill(problem->admission, k, batch, count);
}

/* ---- from a pool ---- */

/* Pairs that a scan keeps: twice as many cost little more, another scan costs much. */
enum { KEPT_LEAST = 4096, KEPT_PER_PICK = 32 };

/* The batch so far, and what a scan passes over. */
typedef struct growth {
    const fi_pool_problem *problem;
    fi_factor *factor; /* of M with the batch */
    float *whitened;
    uint64_t *taken; /* ascending */
    size_t n_taken;
} growth;

static void growth_clear(growth *grown) {
    fi_factor_free(grown->factor);
    free(grown->whitened);
    free(grown->taken);
}

static int find_best(growth *grown, size_t room, fi_finds *ret) {
    const fi_pool_problem *problem = grown->problem;
    int r = fi_whiten(grown->factor, problem->view->distinct, grown->whitened);
    if (r)
        return r;
    fi_scan scan = {
        .view = problem->view,
        .options = problem->options,
        .admission = problem->admission,
        .taken = grown->taken,
        .n_taken = grown->n_taken,
        .key = problem->view->weigh_alike ? FI_KEY_LEVERAGE : FI_KEY_INFORMATION,
        .whitened = grown->whitened,
        .room = room,
    };
    return fi_scan_pool(&scan, ret);
}

static int by_pair(const void *x, const void *y) {
    uint64_t a = fi_pair_key(((const fi_found *)x)->pair);
    uint64_t b = fi_pair_key(((const fi_found *)y)->pair);
    return (a > b) - (a < b);
}

/* What was offered is not found again, be it in the batch or put off. */
static int remember(growth *grown, const fi_finds *finds, const uint8_t *offered) {
    size_t extra = 0;
    for (size_t i = 0; i < finds->count; i++)
        extra += offered[i];
    uint64_t *taken = reallocarray(grown->taken, grown->n_taken + extra + 1, sizeof(*grown->taken));
    if (!taken)
        return -ENOMEM;
    grown->taken = taken;
    for (size_t i = 0; i < finds->count; i++)
        if (offered[i])
            taken[grown->n_taken++] = fi_pair_key(finds->pairs[i].pair);
    fi_sort_keys(taken, grown->n_taken);
    return 0;
}

/* Lazy greedy among the finds, down to the floor that all other pairs are under. */
static int pick_among(growth *grown, fi_finds *finds, size_t k, fi_pair *batch, size_t *count) {
    const fi_pool_problem *problem = grown->problem;
    size_t n = finds->count;
    FD_FREE fi_pair *pairs = calloc(n + 1, sizeof(*pairs));
    FD_FREE double *weights = calloc(n + 1, sizeof(*weights));
    FD_FREE uint32_t *picked = calloc(k + 1, sizeof(*picked));
    FD_FREE uint8_t *offered = calloc(n + 1, sizeof(*offered));
    if (!pairs || !weights || !picked || !offered)
        return -ENOMEM;
    /* Ties go to the lower pair, as in the full list. */
    double best = n > 0 ? finds->pairs[0].key : 0.0;
    qsort(finds->pairs, n, sizeof(*finds->pairs), by_pair);
    fi_distinct listed = *problem->view->distinct;
    for (size_t i = 0; i < n; i++) {
        pairs[i] = finds->pairs[i].pair;
        weights[i] =
            problem->view->weigh_alike ? 1.0 : fi_weight(fi_distinct_logit(&listed, pairs[i]));
    }
    listed.pairs = pairs;
    listed.n_pairs = n;
    fi_lazy from = {
        .distinct = &listed,
        .whitened = grown->whitened,
        .weights = weights,
        .admission = problem->admission,
        .options = problem->options,
        .floor = finds->floor,
        .offered = offered,
    };
    /* Where all that were kept tie, one of them is as good as any that was not. */
    bool tied = best <= finds->floor;
    if (tied)
        from.floor = -1.0;
    size_t before = *count, chosen = 0;
    int r = fi_lazy_pick(&from, tied ? 1 : k - before, picked, &chosen);
    if (r)
        return r;
    for (size_t i = 0; i < chosen; i++) {
        batch[(*count)++] = pairs[picked[i]];
        weights[i] = problem->view->weigh_alike
                         ? 1.0
                         : fi_weight(fi_distinct_logit(&listed, pairs[picked[i]]));
    }
    r = remember(grown, finds, offered);
    return r ? r : fi_factor_grow(&grown->factor, &listed, chosen, batch + before, weights);
}

int fi_choose_greedy_from_pool(const fi_pool_problem *problem, size_t k, fi_pair *batch,
                               size_t *count) {
    const fi_distinct *distinct = problem->view->distinct;
    FD_CLEANUP(growth_clear) growth grown = {.problem = problem};
    grown.whitened = calloc(distinct->n_items + 1, distinct->n_features * sizeof(float));
    if (!grown.whitened)
        return -ENOMEM;
    int r = fi_factor_copy(problem->factor, &grown.factor);
    size_t room = k < KEPT_LEAST / KEPT_PER_PICK ? KEPT_LEAST : k * KEPT_PER_PICK;
    while (r == 0 && *count < k) {
        FD_CLEANUP(fi_finds_clear) fi_finds finds = {0};
        size_t before = *count;
        r = find_best(&grown, room, &finds);
        if (r == 0)
            r = pick_among(&grown, &finds, k, batch, count);
        /* None left, or so many copies in a row that the batch may have some. */
        if (*count == before)
            break;
    }
    return r ? r : fi_fill_from_pool(problem, k, batch, count);
}
