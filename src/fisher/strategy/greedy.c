#include "strategy.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "lazy_greedy.h"

int fi_choose_greedy(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    FD_FREE uint8_t *offered = calloc(problem->distinct->n_pairs, sizeof(*offered));
    FD_CLEANUP(fi_factor_freep) fi_factor *factor = NULL;
    int r = offered ? fi_factor_copy(problem->factor, &factor) : -ENOMEM;
    if (r)
        return r;
    fi_lazy_greedy from = {
        .distinct = problem->distinct,
        .weights = problem->weights,
        .admission = problem->admission,
        .options = problem->options,
        .offered = offered,
        .floor = -INFINITY,
    };
    r = fi_lazy_greedy_pick(&from, &factor, k, batch, count);
    return r ? r : fi_constraints_fill(problem->admission, k, batch, NULL, count);
}

/* ---- from a pool ---- */

/* Pairs that a scan keeps: twice as many cost little more, another scan costs much. */
enum { KEPT_LEAST = 4096, KEPT_PER_PICK = 32 };

/* The least key that the next scan looks for, as a share of what this one has passed over. */
#define NEXT_SHARE 0.8

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

static int find_best(growth *grown, size_t room, double least, fi_top_pairs *ret) {
    const fi_pool_problem *problem = grown->problem;
    int r = fi_whiten(grown->factor, problem->view->distinct, grown->whitened);
    if (r)
        return r;
    fi_pool_top_k scan = {
        .view = problem->view,
        .options = problem->options,
        .admission = problem->admission,
        .taken = grown->taken,
        .n_taken = grown->n_taken,
        .key = problem->view->weigh_alike ? FI_KEY_LEVERAGE : FI_KEY_INFORMATION,
        .whitened = grown->whitened,
        .least = least,
        .room = room,
    };
    return fi_pool_top_k_find(&scan, ret);
}

/* Stable, by the first item of each pair or by its second. `ends` [n_items] is for it to use. */
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

/* The lower pair first. By counting: where millions are found, comparisons would take so long that
 * a selection which nobody waits for any more went on. */
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

/* What was offered is not found again, be it in the batch or put off. */
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

/* Lazy greedy among the finds, down to the floor that all other pairs are under. */
static int pick_among(growth *grown, fi_top_pairs *finds, size_t k, fi_pair *batch, size_t *count) {
    const fi_pool_problem *problem = grown->problem;
    size_t n = finds->count;
    FD_FREE fi_pair *pairs = calloc(n + 1, sizeof(*pairs));
    FD_FREE double *weights = calloc(n + 1, sizeof(*weights));
    FD_FREE uint32_t *picked = calloc(k + 1, sizeof(*picked));
    FD_FREE uint8_t *offered = calloc(n + 1, sizeof(*offered));
    if (!pairs || !weights || !picked || !offered)
        return -ENOMEM;
    /* Ties go to the lower pair, as in the full list. */
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
        .admission = problem->admission,
        .options = problem->options,
        .offered = offered,
        .floor = finds->floor,
    };
    /* Where all that were kept tie, one of them is as good as any that was not; and where none
     * gains anything, any number of them is. */
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
        least = finds.floor * NEXT_SHARE; /* the best that is left is at about the floor */
        r = pick_among(&grown, &finds, k, batch, count);
        /* None left, or so many copies in a row that the batch may have some. */
        if (*count == before && !bounded)
            break;
        if (*count == before)
            least = -INFINITY;
    }
    return r ? r : fi_constraints_fill(problem->admission, k, NULL, batch, count);
}
