#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "private.h"
#include "random.h"

FD_DEFINE_CLEANUP(fi_pool_view, fi_pool_view_free)

/* A selection that takes longer is looked after: whether anyone still waits for it, and a log line
 * now and then. */
static const double patience_seconds = 0.1;
static const double report_seconds = 2.0;

/* ---- long selections ---- */

struct watch {
    const fd_selection_request *request;
    const char *strategy;
    double start, asked, reported;
};

static bool go_on(void *context, double share) {
    struct watch *watch = context;
    double now = fd_monotonic_seconds();
    if (now - watch->asked < patience_seconds)
        return true;
    watch->asked = now;
    if (now - watch->reported >= report_seconds) {
        watch->reported = now;
        fd_log(FD_LOG_INFO, "selecting", FD_STR("strategy", watch->strategy),
               FD_INT("batch_size", watch->request->batch_size),
               FD_REAL("seconds", now - watch->start), FD_REAL("share_of_step", share));
    }
    return !watch->request->go_on || watch->request->go_on(watch->request->go_on_context);
}

/* ---- what is wrong with a request ---- */

static int refuse_strategy(const char *wrong, fd_fault *fault) {
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < fi_strategy_count() && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
                                 fi_strategy_at(i)->name);
    return fd_fault_set(fault, -EINVAL, "/strategy", "there is no strategy \"%.40s\"; there are %s",
                        wrong, names);
}

static int refuse_pool(const fi_strategy *strategy, uint64_t count, fd_fault *fault) {
    return fd_fault_set(fault, -EINVAL, "/strategy",
                        "%s looks at a list, which may have %llu pairs; these are %llu: take fewer "
                        "prompts or responses_per_prompt, or another strategy",
                        strategy->name, (unsigned long long)FI_LISTED_PAIRS_MAX,
                        (unsigned long long)count);
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
                       : "%zu is more than the %llu pairs that can be generated without a label",
        request->batch_size, (unsigned long long)most);
}

/* ---- the answer ---- */

/* Rows below the snapshot's items are of the table; the ids live as long as the engine. */
static const char *id_of(const fd_engine *engine, const fd_source *source, uint32_t row) {
    return row < source->snapshot->items ? engine->items.entries[row]->id : NULL;
}

static void name_pairs(fd_engine *engine, const fd_source *source, const fi_selection *selection,
                       fd_selection_answer *answer) {
    (void)pthread_rwlock_rdlock(&engine->state_lock);
    for (size_t i = 0; i < selection->count; i++) {
        fi_pair rows = selection->items[i];
        if (!source->is_pool)
            rows = source->rows[selection->pairs[i]];
        answer->pairs[i].items = rows;
        answer->pairs[i].a = id_of(engine, source, rows.a);
        answer->pairs[i].b = id_of(engine, source, rows.b);
    }
    (void)pthread_rwlock_unlock(&engine->state_lock);
}

static int fill_answer(fd_engine *engine, const fd_source *source, const fi_selection *selection,
                       fd_selection_answer *answer) {
    const float *rewards = source->is_pool ? source->pool.rewards : source->list.rewards;
    answer->pairs = calloc(selection->count + 1, sizeof(*answer->pairs));
    if (!answer->pairs)
        return -ENOMEM;
    answer->count = selection->count;
    answer->indexed = !source->is_pool;
    answer->explained = selection->entropy_ranks != NULL;
    name_pairs(engine, source, selection, answer);
    for (size_t i = 0; i < selection->count; i++) {
        fd_selected_pair *pair = &answer->pairs[i];
        fi_pair items = selection->items[i];
        if (answer->indexed)
            pair->index =
                source->numbers ? source->numbers[selection->pairs[i]] : selection->pairs[i];
        pair->p = fi_probability((double)rewards[items.a] - (double)rewards[items.b]);
        pair->gain = selection->gains[i];
        pair->v = selection->weights[i];
        if (selection->entropy_ranks) {
            pair->leverage = selection->leverages[i];
            pair->entropy_rank = selection->entropy_ranks[i];
        }
    }
    answer->model_version = source->snapshot->served->row.version;
    answer->logdet_before = selection->logdet_before;
    answer->logdet_after = selection->logdet_after;
    answer->logdet_bound = selection->logdet_bound;
    answer->d_efficiency = selection->d_efficiency;
    answer->candidates = selection->candidates;
    answer->chosen = selection->chosen;
    answer->random = selection->random;
    return 0;
}

/* ---- selection ---- */

double fd_engine_probability(fd_engine *engine, fi_pair pair, uint64_t *ret_model_version) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    fd_fault fault = {0};
    *ret_model_version = 0;
    if (fd_engine_snapshot(engine, &snapshot, &fault) < 0 || pair.a >= snapshot->items ||
        pair.b >= snapshot->items)
        return 0.5;
    *ret_model_version = snapshot->served->row.version;
    return fi_probability((double)*fd_rows_at(snapshot->rewards, pair.a) -
                          (double)*fd_rows_at(snapshot->rewards, pair.b));
}

static uint64_t seed_of(const fd_selection_request *request) {
    uint64_t seed = request->seed;
    if (request->has_seed)
        return seed;
    fd_random(&seed, sizeof(seed));
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
        .go_on = go_on,
    };
}

static int select_from(const fd_source *source, fi_selection_options *options,
                       const fd_selection_request *request, fi_selection *ret, fd_fault *fault) {
    FD_CLEANUP(fi_pool_view_freep) fi_pool_view *view = NULL;
    int r = source->is_pool ? fi_pool_view_new(&source->pool, &view) : 0;
    if (r < 0)
        return r;
    uint64_t count = view ? fi_pool_view_count(view) : source->list.n_pairs;
    r = check_batch_size(request, count, fault);
    if (r < 0 || count == 0)
        return r;
    options->target = source->target;
    if (!(options->prior_precision > 0.0))
        options->prior_precision = source->snapshot->served->row.prior_precision;
    if (options->batch_size > count) /* some of a list may be excluded */
        options->batch_size = (size_t)count;
    r = view ? fi_select_pool(view, source->past, options, ret)
             : fi_select(&source->list, source->past, options, ret);
    return r == -EOPNOTSUPP ? refuse_pool(options->strategy, count, fault) : r;
}

int fd_engine_select(fd_engine *engine, const fd_selection_request *request,
                     fd_selection_answer *ret, fd_fault *fault) {
    const char *name = request->strategy ? request->strategy : engine->options.strategy;
    const fi_strategy *strategy = fi_strategy_find(name);
    if (!strategy)
        return refuse_strategy(name, fault);
    double start = fd_monotonic_seconds();
    uint64_t seed = seed_of(request);
    fi_selection_options options = options_of(engine, request, strategy, seed);
    struct watch watch = {request, strategy->name, start, start, start};
    options.context = &watch;

    FD_CLEANUP(fd_source_clear) fd_source source = {0};
    FD_CLEANUP(fi_selection_clear) fi_selection selection = {0};
    int r =
        fd_source_find(engine, request, options.max_per_group > 0, seed, strategy, &source, fault);
    if (r == 0)
        r = select_from(&source, &options, request, &selection, fault);
    if (r < 0)
        return r;

    fd_selection_answer answer = {.strategy = strategy->name, .seed = seed};
    r = fill_answer(engine, &source, &selection, &answer);
    if (r < 0)
        return r;
    double seconds = fd_monotonic_seconds() - start;
    answer.elapsed_ms = seconds * 1e3;
    if (!request->up_to) /* refills have a metric of their own */
        fd_metrics_observe(engine->metrics, FD_METRIC_SELECTION_SECONDS, strategy->name, NULL,
                           seconds);
    *ret = answer;
    return 0;
}

const char *fd_engine_strategy(const fd_engine *engine) {
    return engine->options.strategy;
}

void fd_selection_answer_clear(fd_selection_answer *answer) {
    free(answer->pairs);
    memset(answer, 0, sizeof(*answer));
}
