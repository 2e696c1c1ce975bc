/* fi_select: chooses a batch from a list of candidates, and evaluates it. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "batch_evaluation.h"
#include "random_draw.h"
#include "selection_options.h"
#include "strategy.h"
#include "top_k.h"
#include "weight_floor.h"
#include "whitening.h"

/* The state of a selection. */
typedef struct workspace {
    const fi_selection_options *options;
    const uint32_t *groups;
    fi_distinct_items *distinct;
    fi_information *past;
    fi_factor *factor;
    double *logits;  /* [n_pairs] */
    double *weights; /* [n_pairs] v */
    double *ones;    /* [n_pairs] replaces weights below FI_WEIGHT_FLOOR; else NULL */
    fi_constraints *constraints;
    size_t count;
    uint32_t *batch; /* [k] */
    fi_pair *pairs;  /* [k] */
} workspace;

static void workspace_free(workspace *work) {
    fi_distinct_items_free(work->distinct);
    fi_information_free(work->past);
    fi_factor_free(work->factor);
    fi_constraints_free(work->constraints);
    free(work->logits);
    free(work->weights);
    free(work->ones);
    free(work->batch);
    free(work->pairs);
}

static int weigh(workspace *work) {
    size_t n = work->distinct->n_pairs;
    work->logits = calloc(n, sizeof(double));
    work->weights = calloc(n, sizeof(double));
    if (!work->logits || !work->weights)
        return -ENOMEM;
    double largest = 0.0;
    for (size_t i = 0; i < n; i++) {
        work->logits[i] = fi_distinct_items_logit(work->distinct, work->distinct->pairs[i]);
        work->weights[i] = fi_weight(work->logits[i]);
        largest = fmax(largest, work->weights[i]);
    }
    if (largest >= FI_WEIGHT_FLOOR)
        return 0;
    work->ones = calloc(n, sizeof(double));
    if (!work->ones)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        work->ones[i] = 1.0;
    return 0;
}

static int workspace_init(workspace *work, const fi_candidates *candidates,
                          const fi_information *past, const fi_selection_options *options) {
    work->options = options;
    work->groups = candidates->groups;
    int r = fi_distinct_items_new(candidates, &work->distinct);
    if (r)
        return r;
    r = weigh(work);
    if (r)
        return r;
    r = past ? fi_information_copy(past, &work->past)
             : fi_information_new(candidates->n_features, &work->past);
    if (r)
        return r;
    r = fi_factor_design(work->past, options, &work->factor);
    if (r)
        return r;
    fi_limits limits = fi_limits_of(options, candidates->groups);
    r = fi_constraints_new(work->distinct, &limits, &work->constraints);
    if (r)
        return r;
    work->batch = calloc(options->batch_size, sizeof(*work->batch));
    work->pairs = calloc(options->batch_size, sizeof(*work->pairs));
    return work->batch && work->pairs ? 0 : -ENOMEM;
}

static int choose(workspace *work) {
    fd_rng rng = fd_rng_seeded(work->options->seed);
    fi_problem problem = {
        .distinct = work->distinct,
        .logits = work->logits,
        .weights = work->ones ? work->ones : work->weights,
        .groups = work->groups,
        .past = work->past,
        .factor = work->factor,
        .constraints = work->constraints,
        .options = work->options,
        .rng = &rng,
    };
    const fi_strategy_functions *functions = fi_strategy_functions_of(work->options->strategy);
    assert(functions); /* fi_check_options has checked it */
    int r = functions->choose(&problem, work->options->batch_size, work->batch, &work->count);
    for (size_t i = 0; r == 0 && i < work->count; i++)
        work->pairs[i] = work->distinct->pairs[work->batch[i]];
    return r;
}

/* ---- evaluation ---- */

/* The oracle of the certificate. */
static int largest_of_list(void *context, const fi_factor *at, size_t k, double *ret_largest,
                           double *ret_batch, fi_information *information) {
    const workspace *work = context;
    fi_distinct_items top = *work->distinct;
    FD_FREE float *whitened = calloc(top.n_items, top.n_features * sizeof(*whitened));
    FD_FREE double *slopes = calloc(top.n_pairs, sizeof(*slopes));
    FD_FREE uint32_t *indices = calloc(k, sizeof(*indices));
    if (!whitened || !slopes || !indices)
        return -ENOMEM;
    int r = fi_whiten(at, work->distinct, whitened);
    if (r)
        return r;
    fi_whitened_leverages(work->distinct, whitened, slopes);
    for (size_t i = 0; i < top.n_pairs; i++)
        slopes[i] *= work->weights[i];
    r = fi_top_k(top.n_pairs, slopes, k, indices);
    if (r)
        return r;
    *ret_largest = *ret_batch = 0.0;
    for (size_t i = 0; i < k; i++)
        *ret_largest += slopes[indices[i]];
    for (size_t i = 0; i < work->count; i++)
        *ret_batch += slopes[work->batch[i]];
    if (!information)
        return 0;

    FD_FREE fi_pair *pairs = calloc(k, sizeof(*pairs));
    FD_FREE double *weights = calloc(k, sizeof(*weights));
    if (!pairs || !weights)
        return -ENOMEM;
    for (size_t i = 0; i < k; i++) {
        pairs[i] = work->distinct->pairs[indices[i]];
        weights[i] = work->weights[indices[i]];
    }
    top.pairs = pairs;
    top.n_pairs = k;
    return fi_information_add_differences(information, &top, weights);
}

/* pairs [count] = a random choice of the candidates */
static int draw_random(const workspace *work, fi_pair *pairs) {
    fd_rng rng = fd_rng_seeded(fi_random_batch_seed(work->options));
    size_t n = work->distinct->n_pairs;
    FD_FREE uint32_t *drawn = calloc(n, sizeof(*drawn));
    if (!drawn)
        return -ENOMEM;
    fi_shuffle_front(&rng, n, work->count, drawn);
    for (size_t i = 0; i < work->count; i++)
        pairs[i] = work->distinct->pairs[drawn[i]];
    return 0;
}

static int rank_by_entropy(const workspace *work, fi_selection *selection) {
    size_t n = work->distinct->n_pairs;
    FD_FREE double *keys = calloc(n, sizeof(*keys));
    FD_FREE uint32_t *order = calloc(n, sizeof(*order));
    FD_FREE uint32_t *ranks = calloc(n, sizeof(*ranks));
    selection->entropy_ranks = calloc(work->count + 1, sizeof(*selection->entropy_ranks));
    if (!keys || !order || !ranks || !selection->entropy_ranks)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        keys[i] = -fabs(work->logits[i]);
    int r = fi_top_k(n, keys, n, order);
    for (size_t i = 0; r == 0 && i < n; i++)
        ranks[order[i]] = (uint32_t)i;
    for (size_t i = 0; r == 0 && i < work->count; i++)
        selection->entropy_ranks[i] = ranks[work->batch[i]];
    return r;
}

static int evaluate(workspace *work, fi_selection *selection) {
    FD_FREE fi_pair *random = NULL;
    int r = 0;
    if (work->options->figures) {
        random = calloc(work->count + 1, sizeof(*random));
        r = random ? draw_random(work, random) : -ENOMEM;
    }
    if (r == 0 && work->options->explain)
        r = rank_by_entropy(work, selection);
    if (r)
        return r;
    fi_batch_evaluation evaluated = {
        .distinct = work->distinct,
        .before = work->factor,
        .options = work->options,
        .oracle = {largest_of_list, work},
        .count = work->count,
        .pairs = work->pairs,
        .random = random,
    };
    return fi_batch_evaluate(&evaluated, selection);
}

int fi_select(const fi_candidates *candidates, const fi_information *past,
              const fi_selection_options *options, fi_selection *ret) {
    int r = fi_check_options(options, candidates->n_features, past);
    if (r == 0 && options->batch_size > candidates->n_pairs)
        r = -EINVAL;
    if (r)
        return r;
    FD_CLEANUP(workspace_free) workspace work = {0};
    r = workspace_init(&work, candidates, past, options);
    if (r == 0)
        r = choose(&work);
    if (r)
        return r;
    FD_CLEANUP(fi_selection_clear) fi_selection selection = {0};
    r = evaluate(&work, &selection);
    if (r)
        return r;
    selection.candidates = candidates->n_pairs;
    selection.pairs = FD_STEAL(work.batch);
    *ret = selection;
    selection = (fi_selection){0};
    return 0;
}

void fi_selection_clear(fi_selection *selection) {
    free(selection->pairs);
    free(selection->items);
    free(selection->gains);
    free(selection->leverages);
    free(selection->weights);
    free(selection->entropy_ranks);
    *selection = (fi_selection){0};
}
