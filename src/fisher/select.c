#include "strategy.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const fi_strategy strategies[] = {
#define FI_STRATEGY(name, function, sentence) {name, sentence},
#include "strategies.def"
#undef FI_STRATEGY
};

static fi_choose *const choosers[] = {
#define FI_STRATEGY(name, function, sentence) function,
#include "strategies.def"
#undef FI_STRATEGY
};

size_t fi_strategy_count(void) {
    return FD_LENGTH(strategies);
}

const fi_strategy *fi_strategy_at(size_t index) {
    return index < FD_LENGTH(strategies) ? &strategies[index] : NULL;
}

const fi_strategy *fi_strategy_find(const char *name) {
    for (size_t i = 0; i < FD_LENGTH(strategies); i++)
        if (strcmp(strategies[i].name, name) == 0)
            return &strategies[i];
    return NULL;
}

static fi_choose *chooser_of(const fi_strategy *strategy) {
    for (size_t i = 0; i < FD_LENGTH(strategies); i++)
        if (strategy == &strategies[i])
            return choosers[i];
    return NULL;
}

static int check(const fi_candidates *candidates, const fi_information *past,
                 const fi_selection_options *options) {
    if (!chooser_of(options->strategy) || options->batch_size == 0 ||
        options->batch_size > candidates->n_pairs || !isfinite(options->prior_precision) ||
        options->prior_precision <= 0.0)
        return -EINVAL;
    return past && fi_information_size(past) != candidates->n_features ? -EINVAL : 0;
}

/* What a selection works on. */
typedef struct workspace {
    fi_distinct *distinct;
    fi_information *past;
    fi_factor *factor;
    double *logits;  /* [n_pairs] */
    double *weights; /* [n_pairs] v */
    double *ones;    /* [n_pairs] in place of weights that say nothing, else NULL */
} workspace;

static void workspace_free(workspace *work) {
    fi_distinct_free(work->distinct);
    fi_information_free(work->past);
    fi_factor_free(work->factor);
    free(work->logits);
    free(work->weights);
    free(work->ones);
}

static int weigh(workspace *work, const fi_candidates *candidates) {
    size_t n = candidates->n_pairs;
    work->logits = calloc(n, sizeof(double));
    work->weights = calloc(n, sizeof(double));
    if (!work->logits || !work->weights)
        return -ENOMEM;
    double largest = 0.0;
    for (size_t i = 0; i < n; i++) {
        fi_pair pair = candidates->pairs[i];
        work->logits[i] = (double)candidates->rewards[pair.a] - (double)candidates->rewards[pair.b];
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
                          const fi_information *past, double prior_precision) {
    int r = fi_distinct_new(candidates, &work->distinct);
    if (r)
        return r;
    r = weigh(work, candidates);
    if (r)
        return r;
    r = past ? fi_information_copy(past, &work->past)
             : fi_information_new(candidates->n_features, &work->past);
    if (r)
        return r;
    return fi_factor_new_raised(work->past, prior_precision, &work->factor);
}

static int selection_allocate(fi_selection *selection, size_t k) {
    selection->count = k;
    selection->pairs = calloc(k, sizeof(*selection->pairs));
    selection->gains = calloc(k, sizeof(*selection->gains));
    return selection->pairs && selection->gains ? 0 : -ENOMEM;
}

void fi_selection_clear(fi_selection *selection) {
    free(selection->pairs);
    free(selection->gains);
    *selection = (fi_selection){0};
}

static int count_items(const fi_distinct *distinct, fi_selection *selection) {
    FD_FREE uint8_t *seen = calloc(distinct->n_items, sizeof(*seen));
    if (!seen)
        return -ENOMEM;
    for (size_t i = 0; i < selection->count; i++) {
        fi_pair pair = distinct->pairs[selection->pairs[i]];
        seen[pair.a] = 1;
        seen[pair.b] = 1;
    }
    selection->distinct_items = 0;
    for (size_t i = 0; i < distinct->n_items; i++)
        selection->distinct_items += seen[i];
    return 0;
}

/* How far the tangent at the batch lies above it: the k largest g less those of the batch. */
static int tangent_excess(const workspace *work, const fi_factor *after,
                          const fi_selection *selection, double *ret) {
    const fi_distinct *distinct = work->distinct;
    size_t k = selection->count;
    FD_FREE float *whitened = calloc(distinct->n_items, distinct->n_features * sizeof(*whitened));
    FD_FREE double *slopes = calloc(distinct->n_pairs, sizeof(*slopes));
    FD_FREE uint32_t *top = calloc(k, sizeof(*top));
    if (!whitened || !slopes || !top)
        return -ENOMEM;
    int r = fi_whiten(after, distinct, whitened);
    if (r)
        return r;
    fi_whitened_leverages(distinct, whitened, slopes);
    for (size_t i = 0; i < distinct->n_pairs; i++)
        slopes[i] *= work->weights[i];
    r = fi_top(distinct->n_pairs, slopes, k, top);
    if (r)
        return r;
    *ret = 0.0;
    for (size_t i = 0; i < k; i++)
        *ret += slopes[top[i]] - slopes[selection->pairs[i]];
    return 0;
}

static int appraise(const workspace *work, fi_selection *selection) {
    FD_CLEANUP(fi_factor_freep) fi_factor *after = NULL;
    int r = fi_batch_add(work->factor, work->distinct, work->weights, selection->count,
                         selection->pairs, selection->gains, &after);
    if (r)
        return r;
    double excess = 0.0;
    r = tangent_excess(work, after, selection, &excess);
    if (r)
        return r;
    selection->logdet_before = fi_factor_logdet(work->factor);
    selection->logdet_after = fi_factor_logdet(after);
    selection->logdet_bound = selection->logdet_after + fmax(excess, 0.0);
    selection->d_efficiency =
        exp((selection->logdet_after - selection->logdet_bound) / (double)work->factor->n);
    return count_items(work->distinct, selection);
}

int fi_select(const fi_candidates *candidates, const fi_information *past,
              const fi_selection_options *options, fi_selection *ret) {
    int r = check(candidates, past, options);
    if (r)
        return r;
    FD_CLEANUP(workspace_free) workspace work = {0};
    r = workspace_init(&work, candidates, past, options->prior_precision);
    if (r)
        return r;
    FD_CLEANUP(fi_selection_clear) fi_selection selection = {0};
    r = selection_allocate(&selection, options->batch_size);
    if (r)
        return r;
    fi_rng rng = fi_rng_seeded(options->seed);
    fi_problem problem = {
        .distinct = work.distinct,
        .logits = work.logits,
        .weights = work.ones ? work.ones : work.weights,
        .past = work.past,
        .factor = work.factor,
        .rng = &rng,
    };
    r = chooser_of(options->strategy)(&problem, selection.count, selection.pairs);
    if (r)
        return r;
    r = appraise(&work, &selection);
    if (r)
        return r;
    *ret = selection;
    selection = (fi_selection){0};
    return 0;
}
