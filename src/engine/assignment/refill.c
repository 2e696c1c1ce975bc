/* Chooses pairs by the configured strategy, or at random for the control arm. Pairs that are out or
 * lie ready count as known. */
#include "refill.h"

#include <errno.h>
#include <math.h>

#include "assignments_state.h"
#include "batch_history.h"
#include "clock.h"
#include "engine_state.h"
#include "score.h"
#include "select.h"
#include "thread.h"

/* The control arm is drawn at random: more candidates than this for each of its pairs are useless.
 */
enum { CONTROL_CANDIDATES = 4 };

/* A choice costs the square of its size, and people wait for its first pairs. Many pairs are
 * therefore chosen in parts, and each part counts those before it as known. */
enum { CHOSEN_AT_ONCE = 256 };

/* A part of more pairs than this is chosen in a rush: from fewer candidates for each pair, so that
 * the queue does not run dry. The first part is never larger. */
enum { RUSH = 64, CANDIDATES_IN_RUSH = 4 };

/* Batches follow each other quickly when many people label. Statistics are computed for the first
 * batch of a model, and then only this often. */
static const double statistics_seconds = 1.0;

/* ---- pending pairs ---- */

/* Pairs that are out or lie ready; malloc'd. */
static int list_pending(fd_engine *engine, bool without_active, fi_pair **ret, size_t *ret_count) {
    const fd_assignments *assignments = engine->assignments;
    FD_LOCKED(&engine->assignments->lock);
    size_t most = HASH_COUNT(assignments->leases.by_id), n = 0;
    for (size_t arm = 0; arm < FD_ARM_COUNT; arm++)
        most += assignments->ready.arms[arm].count;
    fi_pair *pairs = calloc(most + 1, sizeof(*pairs));
    if (!pairs)
        return -ENOMEM;
    for (const fd_lease *lease = assignments->leases.by_id; lease; lease = lease->hh.next)
        pairs[n++] = lease->ready_pair->pair;
    for (size_t arm = without_active ? FD_ARM_CONTROL : 0; arm < FD_ARM_COUNT; arm++)
        for (size_t i = 0; i < assignments->ready.arms[arm].count; i++)
            pairs[n++] = assignments->ready.arms[arm].pairs[i]->pair;
    *ret = pairs;
    *ret_count = n;
    return 0;
}

/* ---- choosing ---- */

static bool goes_on(void *context) {
    const fd_engine *engine = context;
    return !atomic_load(&engine->interrupted);
}

/* The candidates to draw for `count` pairs; 0: all there are. */
static size_t candidates_for(const fd_engine *engine, fd_arm arm, size_t count) {
    size_t per_pair = engine->options.candidates.per_pair;
    if (arm == FD_ARM_CONTROL && (per_pair == 0 || per_pair > CONTROL_CANDIDATES))
        return count * CONTROL_CANDIDATES;
    bool rush = count > RUSH && per_pair > CANDIDATES_IN_RUSH;
    return count * (rush ? CANDIDATES_IN_RUSH : per_pair);
}

static uint64_t count_changes(fd_engine *engine) {
    FD_LOCKED(&engine->assignments->lock);
    return engine->assignments->changes;
}

static void note_used_up(fd_engine *engine, uint64_t changes) {
    FD_LOCKED(&engine->assignments->lock);
    engine->assignments->used_up = changes;
}

/* `rebuild`: the pairs of the active arm that lie ready are about to be replaced. */
static int choose(fd_engine *engine, fd_arm arm, size_t count, bool rebuild, bool statistics,
                  fd_selection_result *ret, fd_fault *fault) {
    FD_FREE fi_pair *pending = NULL;
    size_t n_pending;
    int r = list_pending(engine, rebuild, &pending, &n_pending);
    if (r < 0)
        return r;
    size_t candidates = candidates_for(engine, arm, count);
    fd_selection_request request = {
        .batch_size = count,
        .up_to = true,
        .without_figures = !statistics,
        .strategy = arm == FD_ARM_CONTROL ? "random" : NULL,
        .generate = {.scope = engine->options.candidates.scope,
                     .all = candidates == 0,
                     .pairs = candidates},
        .pending_rows = pending,
        .n_pending_rows = n_pending,
        .go_on = goes_on,
        .go_on_context = engine,
    };
    uint64_t changes = count_changes(engine);
    r = fd_engine_select(engine, &request, ret, fault);
    if (r == 0 && ret->candidates == 0 && !rebuild)
        note_used_up(engine, changes);
    return r;
}

/* ---- putting into the queues ---- */

static int put(fd_engine *engine, fd_arm arm, bool rebuild, fd_ready_pair *const *pairs,
               size_t count) {
    fd_assignments *assignments = engine->assignments;
    int r = 0;
    FD_LOCKED(&assignments->lock);
    if (rebuild && arm == FD_ARM_ACTIVE) {
        fd_ready_queues_drop_untouched(&assignments->ready);
        assignments->changes++;
    }
    for (size_t i = 0; i < count && r == 0; i++)
        r = fd_ready_queues_put(&assignments->ready, pairs[i], false);
    assignments->fills += count > 0;
    return r;
}

/* Pairs that were put into a queue count as known to quick choices. */
static int note_pending(fd_engine *engine, const fd_selection_result *batch) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = fd_engine_snapshot_or_null(engine);
    FD_FREE fi_pair *pairs = calloc(batch->count + 1, sizeof(*pairs));
    if (!pairs)
        return -ENOMEM;
    for (size_t i = 0; i < batch->count; i++)
        pairs[i] = batch->pairs[i].items;
    return !snapshot || batch->count == 0
               ? 0
               : fd_pending_factor_add(&engine->assignments->pending, snapshot, false, pairs,
                                       batch->count);
}

/* After a refit, or by another model, what is pending tells something else. */
static int renew_pending(fd_engine *engine) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = fd_engine_snapshot_or_null(engine);
    FD_FREE fi_pair *pairs = NULL;
    size_t n = 0;
    int r = list_pending(engine, false, &pairs, &n);
    return r < 0 || !snapshot
               ? r
               : fd_pending_factor_add(&engine->assignments->pending, snapshot, true, pairs, n);
}

static int put_batch(fd_engine *engine, fd_arm arm, bool rebuild,
                     const fd_selection_result *batch) {
    FD_FREE fd_ready_pair **pairs = calloc(batch->count + 1, sizeof(*pairs));
    if (!pairs)
        return -ENOMEM;
    int r = 0;
    for (size_t i = 0; i < batch->count && r == 0; i++)
        r = fd_ready_pair_new(engine, batch->pairs[i].items, arm, batch->strategy, &batch->pairs[i],
                              batch->model_version, &pairs[i]);
    if (r == 0)
        r = put(engine, arm, rebuild, pairs, batch->count);
    if (r == 0)
        r = rebuild ? renew_pending(engine) : note_pending(engine, batch);
    for (size_t i = 0; i < batch->count; i++)
        fd_ready_pair_free(pairs[i]);
    return r;
}

static bool take_unfinished(fd_engine *engine, fi_pair *ret) {
    fd_assignments *assignments = engine->assignments;
    FD_LOCKED(&assignments->lock);
    return fd_unfinished_pairs_take(&assignments->unfinished, &assignments->records,
                                    &engine->options, ret);
}

/* Puts an unfinished pair to the front, or back into the list if that fails with `error`. */
static int put_back(fd_engine *engine, fi_pair pair, fd_ready_pair *ready_pair, int error) {
    fd_assignments *assignments = engine->assignments;
    FD_LOCKED(&assignments->lock);
    int r = error < 0 ? error : fd_ready_queues_put(&assignments->ready, ready_pair, true);
    if (r < 0)
        fd_unfinished_pairs_add(&assignments->unfinished, &engine->options,
                                fd_pair_records_get_or_add(&assignments->records, pair));
    assignments->fills++;
    return r;
}

int fd_refill_unfinished(fd_engine *engine, size_t most) {
    fi_pair pair;
    int r = 0;
    for (size_t i = 0; r == 0 && i < most && take_unfinished(engine, &pair); i++) {
        FD_CLEANUP(fd_ready_pair_freep) fd_ready_pair *ready_pair = NULL;
        uint64_t version;
        double p = fd_engine_probability(engine, pair, &version);
        fd_selected_pair selected = {.gain = NAN, .p = p};
        r = fd_ready_pair_new(engine, pair, FD_ARM_ACTIVE, "unfinished", &selected, version,
                              &ready_pair);
        r = put_back(engine, pair, ready_pair, r);
    }
    return r;
}

/* ---- filling ---- */

/* Chooses `count` pairs at most. *ret_full: as many were found. */
static int fill_part(fd_engine *engine, fd_arm arm, bool rebuild, size_t count,
                     double *last_statistics, bool *ret_full, fd_fault *fault) {
    double now = fd_monotonic_seconds();
    bool statistics = arm == FD_ARM_ACTIVE && now - *last_statistics >= statistics_seconds;
    FD_CLEANUP(fd_selection_result_clear) fd_selection_result batch = {0};
    int r = choose(engine, arm, count, rebuild, statistics, &batch, fault);
    if (r == 0)
        r = put_batch(engine, arm, rebuild, &batch);
    if (r == 0 && statistics && batch.count > 0) {
        *last_statistics = now;
        fd_batch_history_add(engine, &batch);
    }
    *ret_full = batch.count == count;
    return r;
}

static size_t count_ready(fd_engine *engine, fd_arm arm, uint32_t annotator) {
    FD_LOCKED(&engine->assignments->lock);
    return fd_ready_queues_count(&engine->assignments->ready, arm, annotator);
}

/* 0 if no candidate is left: then none is looked for until something changes. */
static size_t count_wanted(fd_engine *engine, fd_arm arm, bool rebuild) {
    FD_LOCKED(&engine->assignments->lock);
    if (fd_assignments_used_up(engine->assignments) && !rebuild)
        return 0;
    return fd_ready_demand_wanted(engine, arm);
}

/* The first part is small: its candidates show whether there are enough for more. */
static int fill_arm(fd_engine *engine, fd_arm arm, bool rebuild, uint32_t annotator,
                    double *last_statistics, fd_fault *fault) {
    size_t have = rebuild ? 0 : count_ready(engine, arm, annotator);
    size_t most = RUSH;
    bool full = true;
    int r = 0;
    for (size_t wanted; r == 0 && full && have < (wanted = count_wanted(engine, arm, rebuild));) {
        size_t count = wanted - have < most ? wanted - have : most;
        r = fill_part(engine, arm, rebuild, count, last_statistics, &full, fault);
        have += count;
        rebuild = false;
        most = CHOSEN_AT_ONCE;
    }
    return r;
}

int fd_refill(fd_engine *engine, bool rebuild, uint32_t annotator, double *last_statistics,
              fd_fault *fault) {
    double start = fd_monotonic_seconds();
    fd_ready_demand_update(engine);
    int r = fd_refill_unfinished(engine, SIZE_MAX);
    for (size_t arm = 0; arm < FD_ARM_COUNT && r == 0; arm++)
        r = fill_arm(engine, (fd_arm)arm, rebuild && arm == FD_ARM_ACTIVE, annotator,
                     last_statistics, fault);
    if (r == 0)
        fd_metrics_observe(engine->metrics, FD_METRIC_REFILL_SECONDS, NULL, NULL,
                           fd_monotonic_seconds() - start);
    return r;
}
