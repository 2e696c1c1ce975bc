#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "gather.h"
#include "private.h"

/* Candidates as rows of a snapshot, wherever they came from. */
struct candidates {
    fd_resolved resolved; /* its rows are the pairs, two by two */
    fi_pair *pairs;
    size_t count;
};

static void candidates_clear(struct candidates *candidates) {
    fd_resolved_clear(&candidates->resolved);
    free(candidates->pairs);
}

static int resolve_pairs(fd_engine *engine, const fd_selection_request *request,
                         struct candidates *ret, fd_fault *fault) {
    static const char *const sides[] = {"a", "b"};
    _Static_assert(sizeof(fd_pair_reference) == 2 * sizeof(fd_item_reference),
                   "pairs are read as a list of references");
    int r = fd_resolve(engine, "pairs", sides, 2, &request->pairs[0].a, 2 * request->n_pairs,
                       &ret->resolved, fault);
    if (r < 0)
        return r;
    ret->count = request->n_pairs;
    ret->pairs = calloc(ret->count ? ret->count : 1, sizeof(*ret->pairs));
    if (!ret->pairs)
        return -ENOMEM;
    for (size_t i = 0; i < ret->count; i++) {
        ret->pairs[i] = (fi_pair){ret->resolved.rows[2 * i], ret->resolved.rows[2 * i + 1]};
        if (ret->pairs[i].a == ret->pairs[i].b)
            return fd_fault_set_at(fault, -EINVAL, "pairs", i, "b",
                                   "a pair needs two different items; both are \"%s\"",
                                   request->pairs[i].b.id);
    }
    return 0;
}

static int list_strategies(const char *wrong, fd_fault *fault) {
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < fi_strategy_count() && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
                                 fi_strategy_at(i)->name);
    return fd_fault_set(fault, -EINVAL, "/strategy", "there is no strategy \"%.40s\"; there are %s",
                        wrong, names);
}

static int check_batch_size(size_t batch_size, size_t count, bool generated, fd_fault *fault) {
    if (batch_size == 0)
        return fd_fault_set(fault, -EINVAL, "/batch_size", "must be at least 1");
    if (batch_size > count && generated)
        return fd_fault_set(fault, -EINVAL, "/batch_size",
                            "%zu is more than the %zu pairs that can be generated without a label",
                            batch_size, count);
    if (batch_size > count)
        return fd_fault_set(fault, -EINVAL, "/batch_size", "%zu is more than the %zu candidates",
                            batch_size, count);
    return 0;
}

/* Item indices name rows of the table; the ids live as long as the engine. */
static void name_pairs(fd_engine *engine, const struct candidates *from,
                       const fi_selection *selection, fd_selection_answer *answer) {
    size_t items = from->resolved.snapshot->items;
    (void)pthread_rwlock_rdlock(&engine->state_lock);
    for (size_t i = 0; i < selection->count; i++) {
        fi_pair pair = from->pairs[selection->pairs[i]];
        answer->pairs[i].a = pair.a < items ? engine->items.entries[pair.a]->id : NULL;
        answer->pairs[i].b = pair.b < items ? engine->items.entries[pair.b]->id : NULL;
    }
    (void)pthread_rwlock_unlock(&engine->state_lock);
}

static int fill_answer(fd_engine *engine, const struct candidates *from,
                       const fd_gathered *gathered, const fi_selection *selection,
                       fd_selection_answer *answer) {
    answer->pairs = calloc(selection->count, sizeof(*answer->pairs));
    if (!answer->pairs)
        return -ENOMEM;
    answer->count = selection->count;
    name_pairs(engine, from, selection, answer);
    for (size_t i = 0; i < selection->count; i++) {
        size_t index = selection->pairs[i];
        fi_pair rows = gathered->candidates.pairs[index];
        answer->pairs[i].index = index;
        answer->pairs[i].gain = selection->gains[i];
        answer->pairs[i].p = fi_probability((double)gathered->candidates.rewards[rows.a] -
                                            (double)gathered->candidates.rewards[rows.b]);
    }
    answer->model_version = from->resolved.snapshot->served->row.version;
    answer->logdet_before = selection->logdet_before;
    answer->logdet_after = selection->logdet_after;
    answer->logdet_bound = selection->logdet_bound;
    answer->d_efficiency = selection->d_efficiency;
    answer->candidates = from->count;
    answer->distinct_items = selection->chosen.distinct_items;
    return 0;
}

int fd_engine_select(fd_engine *engine, const fd_selection_request *request,
                     fd_selection_answer *ret, fd_fault *fault) {
    double start = fd_monotonic_seconds();
    const char *name = request->strategy ? request->strategy : engine->options.strategy;
    const fi_strategy *strategy = fi_strategy_find(name);
    if (!strategy)
        return list_strategies(name, fault);
    uint64_t seed = request->seed;
    if (!request->has_seed) {
        ssize_t got = getrandom(&seed, sizeof(seed), 0);
        assert(got == (ssize_t)sizeof(seed));
        seed >>= 11; /* exact as a JSON number */
    }

    FD_CLEANUP(candidates_clear) struct candidates from = {0};
    int r = request->pairs
                ? resolve_pairs(engine, request, &from, fault)
                : fd_generate_pairs(engine, &request->generate, seed, &from.resolved.snapshot,
                                    &from.pairs, &from.count, fault);
    if (r < 0)
        return r;
    r = check_batch_size(request->batch_size, from.count, !request->pairs, fault);
    if (r < 0)
        return r;

    FD_CLEANUP(fd_gathered_clear) fd_gathered gathered = {0};
    r = fd_gather(from.resolved.snapshot, from.pairs, from.count, from.resolved.extra,
                  from.resolved.n_extra, &gathered);
    if (r < 0)
        return r;
    fi_selection_options options = {
        .strategy = strategy,
        .batch_size = request->batch_size,
        .prior_precision = engine->options.prior_precision,
        .seed = seed,
        .figures = true,
    };
    FD_CLEANUP(fi_selection_clear) fi_selection selection = {0};
    r = fi_select(&gathered.candidates, from.resolved.snapshot->past, &options, &selection);
    if (r < 0)
        return r;

    fd_selection_answer answer = {.strategy = strategy->name, .seed = seed};
    r = fill_answer(engine, &from, &gathered, &selection, &answer);
    if (r < 0)
        return r;
    double seconds = fd_monotonic_seconds() - start;
    answer.elapsed_ms = seconds * 1e3;
    fd_metrics_observe(engine->metrics, FD_METRIC_SELECTION_SECONDS, strategy->name, NULL, seconds);
    *ret = answer;
    return 0;
}

void fd_selection_answer_clear(fd_selection_answer *answer) {
    free(answer->pairs);
    memset(answer, 0, sizeof(*answer));
}
