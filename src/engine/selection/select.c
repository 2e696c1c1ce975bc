/* Chooses a batch: checks the request, finds the candidates, has libfisher choose, and names the
 * pairs. */
#include "select.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "candidates.h"
#include "clock.h"
#include "engine_state.h"
#include "log.h"
#include "random_bytes.h"
#include "thread.h"

FD_DEFINE_CLEANUP(fi_pool_view, fi_pool_view_free)

/* A selection that takes longer than this checks now and then whether anyone still waits for it,
 * and reports itself in the log. */
static const double check_seconds = 0.1;
static const double report_seconds = 2.0;

/* ---- long selections ---- */

struct observation {
    const fd_selection_request *request;
    const char *strategy;
    double started, checked, reported; /* monotonic seconds */
};

static bool goes_on(void *context, double share) {
    struct observation *observation = context;
    const fd_selection_request *request = observation->request;
    double now = fd_monotonic_seconds();
    if (now - observation->checked < check_seconds)
        return true;
    observation->checked = now;
    if (now - observation->reported >= report_seconds) {
        observation->reported = now;
        fd_log(FD_LOG_INFO, "selecting", FD_STR("strategy", observation->strategy),
               FD_INT("batch_size", request->batch_size),
               FD_REAL("seconds", now - observation->started), FD_REAL("share_of_step", share));
    }
    return !request->go_on || request->go_on(request->go_on_context);
}

/* ---- refusals ---- */

static int refuse_strategy(const char *wrong, fd_fault *fault) {
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < fi_strategy_count() && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
                                 fi_strategy_at(i)->name);
    return fd_fault_set(fault, -EINVAL, "/strategy",
                        "there is no strategy \"%.40s\"; choose one of %s", wrong, names);
}

static int refuse_pool(const fi_strategy *strategy, uint64_t count, fd_fault *fault) {
    return fd_fault_set(
        fault, -EINVAL, "/strategy",
        "%s needs a list of the pairs, of %llu at most; these are %llu: reduce prompts "
        "or responses_per_prompt, or choose another strategy",
        strategy->name, (unsigned long long)FI_LISTED_PAIRS_MAX, (unsigned long long)count);
}

static int check_batch_size(const fd_selection_request *request, uint64_t count, fd_fault *fault) {
    if (request->batch_size == 0)
        return fd_fault_set(fault, -EINVAL, "/batch_size", "must be at least 1");
    uint64_t most = request->pairs ? request->n_pairs : count;
    if (request->batch_size <= most || request->up_to)
        return 0;
    return fd_fault_set(
        fault, -EINVAL, "/batch_size",
        request->pairs ? "%zu is more than the %llu candidates"
                       : "%zu is more than the %llu pairs without a label that can be generated",
        request->batch_size, (unsigned long long)most);
}

/* ---- the result ---- */

/* NULL for an inline item, whose row follows those of the snapshot. */
static const char *id_of(const fd_engine *engine, const fd_candidates *candidates, uint32_t row) {
    return row < candidates->snapshot->items ? engine->items.entries[row].id : NULL;
}

static void name_pairs(fd_engine *engine, const fd_candidates *candidates,
                       const fi_selection *selection, fd_selection_result *result) {
    FD_READ_LOCKED(&engine->state_lock);
    for (size_t i = 0; i < selection->count; i++) {
        fi_pair rows = selection->items[i];
        if (!candidates->is_pool)
            rows = candidates->rows[selection->pairs[i]];
        result->pairs[i].items = rows;
        result->pairs[i].a = id_of(engine, candidates, rows.a);
        result->pairs[i].b = id_of(engine, candidates, rows.b);
    }
}

static int fill_result(fd_engine *engine, const fd_candidates *candidates,
                       const fi_selection *selection, fd_selection_result *result) {
    const float *rewards =
        candidates->is_pool ? candidates->pool.rewards : candidates->list.rewards;
    /* libfisher saw D M. */
    double effect = fd_served_model_design_effect(candidates->snapshot->served);
    double shift = (double)candidates->snapshot->features->width * log(effect);
    result->pairs = calloc(selection->count + 1, sizeof(*result->pairs));
    if (!result->pairs)
        return -ENOMEM;
    result->count = selection->count;
    result->indexed = !candidates->is_pool;
    result->explained = selection->entropy_ranks != NULL;
    name_pairs(engine, candidates, selection, result);
    for (size_t i = 0; i < selection->count; i++) {
        fd_selected_pair *pair = &result->pairs[i];
        fi_pair items = selection->items[i];
        if (result->indexed)
            pair->index = candidates->numbers ? candidates->numbers[selection->pairs[i]]
                                              : selection->pairs[i];
        pair->p = fi_probability((double)rewards[items.a] - (double)rewards[items.b]);
        pair->gain = selection->gains[i];
        pair->v = selection->weights[i];
        if (selection->entropy_ranks) {
            pair->leverage = selection->leverages[i];
            pair->entropy_rank = selection->entropy_ranks[i];
        }
    }
    result->model_version = candidates->snapshot->served->row.version;
    result->logdet_before = selection->logdet_before - shift;
    result->logdet_after = selection->logdet_after - shift;
    result->logdet_bound = selection->logdet_bound - shift;
    result->d_efficiency = selection->d_efficiency;
    result->gain_share = selection->gain_share;
    result->candidates = selection->candidates;
    result->chosen = selection->chosen;
    result->chosen.logdet -= shift;
    result->random = selection->random;
    result->random.logdet -= shift;
    return 0;
}

/* ---- selection ---- */

static uint64_t seed_of(const fd_selection_request *request) {
    uint64_t seed = request->seed;
    if (request->has_seed)
        return seed;
    fd_random_bytes(&seed, sizeof(seed));
    return seed >> 11; /* exact as a JSON number */
}

static fi_selection_options options_of(const fd_engine *engine, const fd_selection_request *request,
                                       const fi_strategy *strategy, uint64_t seed) {
    const fd_engine_options *defaults = &engine->options;
    return (fi_selection_options){
        .strategy = strategy,
        .batch_size = request->batch_size,
        .prior_precision = request->prior_precision,
        .seed = seed,
        .max_per_item = request->max_per_item ? request->max_per_item : defaults->max_per_item,
        .max_per_group =
            request->max_per_prompt ? request->max_per_prompt : defaults->max_per_prompt,
        .copy_distance =
            request->has_copy_distance ? request->copy_distance : defaults->copy_distance,
        .certify_steps = request->certify_tight ? FD_TIGHT_STEPS : 0,
        .figures = !request->without_figures,
        .explain = request->explain,
        .go_on = goes_on,
    };
}

static int select_from(const fd_candidates *candidates, fi_selection_options *options,
                       const fd_selection_request *request, fi_selection *ret, fd_fault *fault) {
    FD_CLEANUP(fi_pool_view_freep) fi_pool_view *view = NULL;
    int r = candidates->is_pool ? fi_pool_view_new(&candidates->pool, &view) : 0;
    if (r < 0)
        return r;
    uint64_t count = view ? fi_pool_view_count(view) : candidates->list.n_pairs;
    r = check_batch_size(request, count, fault);
    if (r < 0 || count == 0)
        return r;
    options->targets = candidates->targets;
    if (options->prior_precision > 0.0) /* D M, as take_known has it */
        options->prior_precision *= fd_served_model_design_effect(candidates->snapshot->served);
    else
        options->prior = candidates->prior;
    if (options->batch_size > count) /* some of the list may be excluded */
        options->batch_size = (size_t)count;
    r = view ? fi_select_pool(view, candidates->past, options, ret)
             : fi_select(&candidates->list, candidates->past, options, ret);
    return r == -EOPNOTSUPP ? refuse_pool(options->strategy, count, fault) : r;
}

int fd_engine_select(fd_engine *engine, const fd_selection_request *request,
                     fd_selection_result *ret, fd_fault *fault) {
    const char *name = request->strategy ? request->strategy : engine->options.strategy;
    const fi_strategy *strategy = fi_strategy_find(name);
    if (!strategy)
        return refuse_strategy(name, fault);
    double start = fd_monotonic_seconds();
    uint64_t seed = seed_of(request);
    fi_selection_options options = options_of(engine, request, strategy, seed);
    struct observation observation = {request, strategy->name, start, start, start};
    options.context = &observation;

    FD_CLEANUP(fd_candidates_clear) fd_candidates candidates = {0};
    FD_CLEANUP(fi_selection_clear) fi_selection selection = {0};
    int r = fd_candidates_find(engine, request, options.max_per_group > 0, seed, strategy,
                               &candidates, fault);
    if (r == 0)
        r = select_from(&candidates, &options, request, &selection, fault);
    if (r < 0)
        return r;

    fd_selection_result result = {.strategy = strategy->name, .seed = seed};
    r = fill_result(engine, &candidates, &selection, &result);
    if (r < 0)
        return r;
    double seconds = fd_monotonic_seconds() - start;
    result.elapsed_ms = seconds * 1e3;
    if (!request->up_to) /* a refill has a metric of its own */
        fd_metrics_observe(engine->metrics, FD_METRIC_SELECTION_SECONDS, strategy->name, NULL,
                           seconds);
    *ret = result;
    return 0;
}

const char *fd_engine_strategy(const fd_engine *engine) {
    return engine->options.strategy;
}

void fd_selection_result_clear(fd_selection_result *result) {
    free(result->pairs);
    memset(result, 0, sizeof(*result));
}
