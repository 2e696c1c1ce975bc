/* fi_select_pool: chooses a batch from all pairs of a pool, and evaluates it. */
#include "select_from_pool.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "batch_evaluation.h"
#include "pair_keys.h"
#include "pool_entropy_ranks.h"
#include "pool_top_k.h"
#include "random_draw.h"
#include "selection_options.h"
#include "strategy.h"
#include "whitening.h"

/* A pool with fewer pairs is listed, because that is faster. */
enum { LISTED_BELOW = 1 << 15 };

typedef struct workspace {
    fi_pool_problem problem;
    const fi_pool_view *view;
    fi_information *past;
    fi_factor *factor;
    fi_constraints *constraints;
    size_t count;
    fi_pair *batch; /* [k] distinct items */
} workspace;

static void workspace_clear(workspace *work) {
    fi_constraints_free(work->constraints);
    fi_factor_free(work->factor);
    fi_information_free(work->past);
    free(work->batch);
}

static int workspace_init(workspace *work, const fi_information *past,
                          const fi_selection_options *options, fd_rng *rng) {
    const fi_pool *pool = work->view->pool;
    int r = past ? fi_information_copy(past, &work->past)
                 : fi_information_new(pool->n_features, &work->past);
    if (r == 0)
        r = fi_factor_design(work->past, options, &work->factor);
    if (r)
        return r;
    fi_limits limits = fi_limits_of(options, pool->groups);
    r = fi_constraints_new(work->view->distinct, &limits, &work->constraints);
    if (r)
        return r;
    work->batch = calloc(options->batch_size, sizeof(*work->batch));
    work->problem = (fi_pool_problem){
        .view = work->view,
        .past = work->past,
        .factor = work->factor,
        .constraints = work->constraints,
        .options = options,
        .rng = rng,
    };
    return work->batch ? 0 : -ENOMEM;
}

/* ---- evaluation ---- */

/* information += sum over the finds of v d d' */
static int add_finds(const workspace *work, const fi_top_pairs *finds,
                     fi_information *information) {
    fi_distinct_items listed = *work->view->distinct;
    FD_FREE fi_pair *pairs = calloc(finds->count + 1, sizeof(*pairs));
    FD_FREE double *weights = calloc(finds->count + 1, sizeof(*weights));
    if (!pairs || !weights)
        return -ENOMEM;
    for (size_t i = 0; i < finds->count; i++) {
        pairs[i] = finds->pairs[i].pair;
        weights[i] = fi_weight(fi_distinct_items_logit(&listed, pairs[i]));
    }
    listed.pairs = pairs;
    listed.n_pairs = finds->count;
    return fi_information_add_differences(information, &listed, weights);
}

/* The oracle of the certificate. */
static int largest_of_pool(void *context, const fi_factor *at, size_t k, double *ret_largest,
                           double *ret_batch, fi_information *information) {
    const workspace *work = context;
    const fi_distinct_items *distinct = work->view->distinct;
    FD_FREE float *whitened = calloc(distinct->n_items + 1, distinct->n_features * sizeof(float));
    if (!whitened)
        return -ENOMEM;
    int r = fi_whiten(at, distinct, whitened);
    if (r)
        return r;
    fi_pool_top_k query = {
        .view = work->view,
        .options = work->problem.options,
        .key = FI_KEY_INFORMATION,
        .whitened = whitened,
        .least = -INFINITY,
        .room = k,
    };
    FD_CLEANUP(fi_top_pairs_clear) fi_top_pairs finds = {0};
    r = fi_pool_top_k_find(&query, &finds);
    if (r)
        return r;
    *ret_largest = *ret_batch = 0.0;
    for (size_t i = 0; i < finds.count; i++)
        *ret_largest += finds.pairs[i].key;
    for (size_t i = 0; i < work->count; i++)
        *ret_batch += fi_pool_key_of(&query, work->batch[i]);
    return information ? add_finds(work, &finds, information) : 0;
}

static int draw_random(const workspace *work, fi_pair *pairs) {
    fd_rng rng = fd_rng_seeded(fi_random_batch_seed(work->problem.options));
    FD_CLEANUP(fi_constraints_freep) fi_constraints *constraints = NULL;
    int r = fi_constraints_new(work->view->distinct, &(fi_limits){0}, &constraints);
    size_t count = 0;
    return r ? r
             : fi_draw_from_pool(work->view, work->problem.options, constraints, &rng, work->count,
                                 pairs, &count);
}

static int evaluate(workspace *work, fi_selection *selection) {
    const fi_selection_options *options = work->problem.options;
    FD_FREE fi_pair *random = NULL;
    int r = 0;
    if (options->figures) {
        random = calloc(work->count + 1, sizeof(*random));
        r = random ? draw_random(work, random) : -ENOMEM;
    }
    if (r == 0 && options->explain) {
        selection->entropy_ranks = calloc(work->count + 1, sizeof(*selection->entropy_ranks));
        r = selection->entropy_ranks ? fi_pool_entropy_ranks(work->view, options, work->count,
                                                             work->batch, selection->entropy_ranks)
                                     : -ENOMEM;
    }
    if (r)
        return r;
    fi_batch_evaluation evaluated = {
        .distinct = work->view->distinct,
        .before = work->factor,
        .options = options,
        .oracle = {largest_of_pool, work},
        .count = work->count,
        .pairs = work->batch,
        .random = random,
    };
    return fi_batch_evaluate(&evaluated, selection);
}

/* ---- selection ---- */

int fi_select_from_pool_unlisted(const fi_pool_view *view, const fi_information *past,
                                 const fi_selection_options *options, fi_selection *ret) {
    fd_rng rng = fd_rng_seeded(options->seed);
    FD_CLEANUP(workspace_clear) workspace work = {.view = view};
    int r = workspace_init(&work, past, options, &rng);
    if (r == 0)
        r = fi_strategy_functions_of(options->strategy)
                ->choose_from_pool(&work.problem, options->batch_size, work.batch, &work.count);
    if (r)
        return r;
    FD_CLEANUP(fi_selection_clear) fi_selection selection = {.candidates = view->n_pairs};
    r = evaluate(&work, &selection);
    if (r)
        return r;
    *ret = selection;
    selection = (fi_selection){0};
    return 0;
}

int fi_select_from_pool_listed(const fi_pool_view *view, const fi_information *past,
                               const fi_selection_options *options, fi_selection *ret) {
    FD_FREE fi_pair *pairs = calloc((size_t)view->n_pairs + 1, sizeof(*pairs));
    if (!pairs)
        return -ENOMEM;
    const uint32_t *rows = view->distinct->rows;
    size_t n = 0;
    for (uint32_t i = 0; i < view->distinct->n_items; i++)
        for (uint32_t j = fi_partners_first(view, i); j < fi_partners_last(view, i); j++)
            if (!fi_key_is_among(fi_pair_key((fi_pair){i, j}), view->excluded, view->n_excluded))
                pairs[n++] = (fi_pair){rows[i], rows[j]};
    fi_candidates candidates = {
        .n_items = view->pool->n_items,
        .n_features = view->pool->n_features,
        .n_pairs = n,
        .features = view->pool->features,
        .rewards = view->pool->rewards,
        .pairs = pairs,
        .groups = view->pool->groups,
    };
    int r = fi_select(&candidates, past, options, ret);
    if (r)
        return r;
    free(ret->pairs); /* the caller does not have the list of their indices */
    ret->pairs = NULL;
    return 0;
}

int fi_select_pool(const fi_pool_view *view, const fi_information *past,
                   const fi_selection_options *options, fi_selection *ret) {
    int r = fi_check_options(options, view->pool->n_features, past);
    if (r)
        return r;
    if (options->batch_size > view->n_pairs)
        return -EINVAL;
    bool needs_list = !fi_strategy_functions_of(options->strategy)->choose_from_pool;
    if (needs_list && view->n_pairs > FI_LISTED_PAIRS_MAX)
        return -EOPNOTSUPP;
    return needs_list || view->n_pairs < LISTED_BELOW
               ? fi_select_from_pool_listed(view, past, options, ret)
               : fi_select_from_pool_unlisted(view, past, options, ret);
}
