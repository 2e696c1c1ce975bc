/* The strategy `greedy`: exact greedy on log det, from a list or from a pool. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "lazy_greedy.h"
#include "pair_keys.h"
#include "pool_top_k.h"
#include "strategy.h"
#include "whitening.h"

int fi_choose_greedy(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    FD_FREE uint8_t *offered = calloc(problem->distinct->n_pairs, sizeof(*offered));
    FD_CLEANUP(fi_factor_freep) fi_factor *factor = NULL;
    int r = offered ? fi_factor_copy(problem->factor, &factor) : -ENOMEM;
    if (r)
        return r;
    fi_lazy_greedy from = {
        .distinct = problem->distinct,
        .weights = problem->weights,
        .constraints = problem->constraints,
        .options = problem->options,
        .offered = offered,
        .floor = -INFINITY,
    };
    r = fi_lazy_greedy_pick(&from, &factor, k, batch, count);
    return r ? r : fi_constraints_fill(problem->constraints, k, batch, NULL, count);
}

/* ---- from a pool ---- */

/* Pairs that a search keeps. Twice as many cost little more, but another search costs much. */
enum { KEPT_LEAST = 4096, KEPT_PER_PICK = 32 };

/* The least key of the next search, as a share of the largest key that this one left out. */
#define NEXT_SHARE 0.8

/* The batch so far, and the pairs that a search skips. */
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

static int find_best(growth *grown, size_t room, double least, fi_top_pairs *ret) {
    const fi_pool_problem *problem = grown->problem;
    int r = fi_whiten(grown->factor, problem->view->distinct, grown->whitened);
    if (r)
        return r;
    fi_pool_top_k query = {
        .view = problem->view,
        .options = problem->options,
        .constraints = problem->constraints,
        .taken = grown->taken,
        .n_taken = grown->n_taken,
        .key = problem->view->weigh_alike ? FI_KEY_LEVERAGE : FI_KEY_INFORMATION,
        .whitened = grown->whitened,
        .least = least,
        .room = room,
    };
    return fi_pool_top_k_find(&query, ret);
}

/* Sorts pairs by their first or second item, in a stable way. `ends` [n_items] is scratch. */
static void sort_by_item(const fi_ranked_pair *from, size_t n, bool by_second, size_t *ends,
                         size_t n_items, fi_ranked_pair *to) {
    memset(ends, 0, n_items * sizeof(*ends));
    for (size_t i = 0; i < n; i++)
        ends[by_second ? from[i].pair.b : from[i].pair.a]++;
    for (size_t item = 1; item < n_items; item++)
        ends[item] += ends[item - 1];
    for (size_t i = n; i-- > 0;)
        to[--ends[by_second ? from[i].pair.b : from[i].pair.a]] = from[i];
}

/* Sorts pairs in ascending order by counting. Comparing millions of pairs would take so long that
 * cancelling a selection would no longer end it soon. */
static int sort_by_pair(fi_top_pairs *finds, size_t n_items) {
    size_t n = finds->count;
    FD_FREE fi_ranked_pair *halfway = calloc(n + 1, sizeof(*halfway));
    FD_FREE size_t *ends = calloc(n_items + 1, sizeof(*ends));
    if (!halfway || !ends)
        return -ENOMEM;
    sort_by_item(finds->pairs, n, true, ends, n_items, halfway);
    sort_by_item(halfway, n, false, ends, n_items, finds->pairs);
    return 0;
}

/* Remembers the offered pairs, accepted or not, so that no search finds them again. */
static int remember(growth *grown, const fi_top_pairs *finds, const uint8_t *offered) {
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

static double largest_key(const fi_top_pairs *finds) {
    double largest = -INFINITY;
    for (size_t i = 0; i < finds->count; i++)
        largest = fmax(largest, finds->pairs[i].key);
    return largest;
}

/* Picks by lazy greedy among the finds, down to the floor. All other pairs are below it. */
static int pick_among(growth *grown, fi_top_pairs *finds, size_t k, fi_pair *batch, size_t *count) {
    const fi_pool_problem *problem = grown->problem;
    size_t n = finds->count;
    FD_FREE fi_pair *pairs = calloc(n + 1, sizeof(*pairs));
    FD_FREE double *weights = calloc(n + 1, sizeof(*weights));
    FD_FREE uint32_t *picked = calloc(k + 1, sizeof(*picked));
    FD_FREE uint8_t *offered = calloc(n + 1, sizeof(*offered));
    if (!pairs || !weights || !picked || !offered)
        return -ENOMEM;
    /* The lower pair wins a tie, as in the full list. */
    double best = largest_key(finds);
    int r = sort_by_pair(finds, problem->view->distinct->n_items);
    if (r)
        return r;
    fi_distinct_items listed = *problem->view->distinct;
    for (size_t i = 0; i < n; i++) {
        pairs[i] = finds->pairs[i].pair;
        weights[i] = problem->view->weigh_alike
                         ? 1.0
                         : fi_weight(fi_distinct_items_logit(&listed, pairs[i]));
    }
    listed.pairs = pairs;
    listed.n_pairs = n;
    fi_lazy_greedy from = {
        .distinct = &listed,
        .weights = weights,
        .constraints = problem->constraints,
        .options = problem->options,
        .offered = offered,
        .floor = finds->floor,
    };
    /* If all finds tie, one of them is as good as any other pair. If none gains anything, all of
     * them are. */
    bool tied = n > 0 && best <= finds->floor;
    if (tied)
        from.floor = -INFINITY;
    size_t before = *count, chosen = 0;
    r = fi_lazy_greedy_pick(&from, &grown->factor, tied && best > 0.0 ? 1 : k - before, picked,
                            &chosen);
    for (size_t i = 0; r == 0 && i < chosen; i++)
        batch[(*count)++] = pairs[picked[i]];
    return r ? r : remember(grown, finds, offered);
}

int fi_choose_greedy_from_pool(const fi_pool_problem *problem, size_t k, fi_pair *batch,
                               size_t *count) {
    const fi_distinct_items *distinct = problem->view->distinct;
    FD_CLEANUP(growth_clear) growth grown = {.problem = problem};
    grown.whitened = calloc(distinct->n_items + 1, distinct->n_features * sizeof(float));
    if (!grown.whitened)
        return -ENOMEM;
    int r = fi_factor_copy(problem->factor, &grown.factor);
    size_t room = k < KEPT_LEAST / KEPT_PER_PICK ? KEPT_LEAST : k * KEPT_PER_PICK;
    double least = -INFINITY;
    while (r == 0 && *count < k) {
        FD_CLEANUP(fi_top_pairs_clear) fi_top_pairs finds = {0};
        size_t before = *count;
        r = find_best(&grown, room, least, &finds);
        if (r)
            break;
        bool bounded = least > -INFINITY;
        least = finds.floor * NEXT_SHARE; /* the best pair that is left has about this key */
        r = pick_among(&grown, &finds, k, batch, count);
        /* No pair is left, or there are only near-copies, which may enter the batch now. */
        if (*count == before && !bounded)
            break;
        if (*count == before)
            least = -INFINITY;
    }
    return r ? r : fi_constraints_fill(problem->constraints, k, NULL, batch, count);
}
