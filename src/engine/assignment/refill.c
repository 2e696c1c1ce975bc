/*
 * Pairs that lie ready: chosen in the background by the configured strategy, with what is out and
 * what lies ready counted as known, so that a request only takes. A thread fills the queues before
 * they run dry, and again when another model serves.
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "assignment_private.h"
#include "clock.h"
#include "log.h"
#include "select.h"

/* A queue is kept at so many pairs for each lease that is open, and filled when half of it is gone.
 */
enum { READY_PER_LEASE = 4, CONTROL_LEAST = 8 };

/* Where pairs go out quickly, so many times what went out since the last fill lies ready. */
enum { READY_PER_GIVEN = 4, DEMAND_MAX = 4096 };

/* But at most this part of the candidates that there were: one arm must not hold all that is left.
 */
enum { CANDIDATES_PER_READY = 8 };

/* The control arm is drawn at random: candidates beyond this many times its need add nothing. */
enum { CONTROL_CANDIDATES = 4 };

/* What a choice costs grows with the square of its size, and people wait for the first pairs of it:
 * many are chosen in parts, each of which counts those before it as known. */
enum { CHOSEN_AT_ONCE = 256 };

/* And of those fewer candidates are drawn for each pair: in a rush the queue must not run dry. */
enum { RUSH = 64, CANDIDATES_IN_RUSH = 4 };

/* Batches come quickly where many label; figures are wanted of the first of a model, and then now
 * and then. */
static const double figure_seconds = 1.0;

/* ---- what is short ---- */

/* Pairs that are out or lie ready, as ids. */
struct taken {
    size_t count;
    fd_pair_reference *pairs;
};

static size_t wanted(const fd_engine *engine, fd_arm arm) {
    const fd_engine_options *options = &engine->options;
    size_t ready = (size_t)READY_PER_LEASE * HASH_COUNT(engine->desk->leases);
    ready = ready > options->ready ? ready : options->ready;
    size_t share = engine->desk->candidates / CANDIDATES_PER_READY;
    size_t demand = engine->desk->demand < share ? engine->desk->demand : share;
    ready = ready > demand ? ready : demand;
    double control = options->control_fraction;
    double part = arm == FD_ARM_CONTROL ? control : control < 1.0 ? 1.0 : 0.0;
    size_t count = (size_t)ceil((double)ready * part);
    return arm == FD_ARM_CONTROL && count > 0 && count < CONTROL_LEAST ? CONTROL_LEAST : count;
}

/* Offers that lie ready, for an annotator or, with FD_NOBODY, at all. */
static size_t count_ready(fd_assignments *desk, fd_arm arm, uint32_t annotator) {
    const fd_ready_queue *queue = &desk->ready[arm];
    if (annotator == FD_NOBODY)
        return queue->count;
    size_t count = 0;
    for (size_t i = 0; i < queue->count; i++) {
        const fd_pair_record *record = fd_pair_record_get_or_add(desk, queue->offers[i]->pair);
        count += record && !fd_pair_record_has_annotator(record, annotator);
    }
    return count;
}

static bool is_short(const fd_engine *engine) {
    for (size_t arm = 0; arm < FD_ARM_COUNT; arm++)
        if (engine->desk->ready[arm].count * 2 < wanted(engine, (fd_arm)arm))
            return true;
    return engine->desk->n_unfinished > 0 || engine->desk->hungry != FD_NOBODY;
}

static int list_taken(fd_engine *engine, bool without_active, struct taken *ret) {
    fd_assignments *desk = engine->desk;
    (void)pthread_mutex_lock(&desk->lock);
    size_t most = HASH_COUNT(desk->leases);
    for (size_t arm = 0; arm < FD_ARM_COUNT; arm++)
        most += desk->ready[arm].count;
    FD_FREE fi_pair *pairs = calloc(most + 1, sizeof(*pairs));
    ret->pairs = calloc(most + 1, sizeof(*ret->pairs));
    size_t n = 0;
    if (pairs && ret->pairs) {
        for (fd_lease *lease = desk->leases; lease; lease = lease->hh.next)
            pairs[n++] = lease->offer->pair;
        for (size_t arm = without_active ? FD_ARM_CONTROL : 0; arm < FD_ARM_COUNT; arm++)
            for (size_t i = 0; i < desk->ready[arm].count; i++)
                pairs[n++] = desk->ready[arm].offers[i]->pair;
    }
    (void)pthread_mutex_unlock(&desk->lock);
    if (!pairs || !ret->pairs)
        return -ENOMEM;
    (void)pthread_rwlock_rdlock(&engine->state_lock);
    for (size_t i = 0; i < n; i++) {
        ret->pairs[i].a.id = engine->items.entries[pairs[i].a]->id;
        ret->pairs[i].b.id = engine->items.entries[pairs[i].b]->id;
    }
    (void)pthread_rwlock_unlock(&engine->state_lock);
    ret->count = n;
    return 0;
}

static void taken_clear(struct taken *taken) {
    free(taken->pairs);
}

/* ---- filling ---- */

static fi_scope scope_of(const char *candidates) {
    return strcmp(candidates, "cross_prompt") == 0 ? FI_SCOPE_ACROSS
           : strcmp(candidates, "any") == 0        ? FI_SCOPE_ANY
                                                   : FI_SCOPE_WITHIN;
}

static bool goes_on(void *context) {
    fd_assignments *desk = context;
    (void)pthread_mutex_lock(&desk->lock);
    bool stopping = desk->stopping;
    (void)pthread_mutex_unlock(&desk->lock);
    return !stopping;
}

/* So many candidates are drawn; 0: all there are. */
static size_t candidates_for(const fd_engine *engine, fd_arm arm, size_t count) {
    size_t per_pair = engine->options.offer.per_pair;
    bool few = arm == FD_ARM_CONTROL && (per_pair == 0 || per_pair > CONTROL_CANDIDATES);
    if (few)
        return count * CONTROL_CANDIDATES;
    bool rush = count > RUSH && per_pair > CANDIDATES_IN_RUSH;
    return count * (rush ? CANDIDATES_IN_RUSH : per_pair);
}

static int choose(fd_engine *engine, fd_arm arm, size_t count, bool figures,
                  const struct taken *taken, fd_selection_result *ret, fd_fault *fault) {
    size_t candidates = candidates_for(engine, arm, count);
    fd_selection_request request = {
        .batch_size = count,
        .up_to = true,
        .without_figures = !figures,
        .strategy = arm == FD_ARM_CONTROL ? "random" : NULL,
        .generate = {.scope = scope_of(engine->options.offer.candidates),
                     .all = candidates == 0,
                     .pairs = candidates},
        .pending = taken->pairs,
        .n_pending = taken->count,
        .go_on = goes_on,
        .go_on_context = engine->desk,
    };
    return fd_engine_select(engine, &request, ret, fault);
}

static void drop_active(fd_engine *engine) {
    fd_assignments *desk = engine->desk;
    fd_ready_queue *queue = &desk->ready[FD_ARM_ACTIVE];
    size_t kept = 0;
    for (size_t i = 0; i < queue->count; i++) {
        fd_ready_pair *offer = queue->offers[i];
        fd_pair_record *record = fd_pair_record_get_or_add(desk, offer->pair);
        /* Pairs that somebody has answered already are not chosen again: they stay. */
        if (!record || record->answered + record->skipped > 0) {
            queue->offers[kept++] = offer;
            continue;
        }
        record->ready = false;
        fd_pair_record_free_if_unused(desk, record);
        fd_ready_pair_free(offer);
    }
    queue->count = kept;
}

static int put_all(fd_engine *engine, fd_arm arm, bool rebuild, const fd_selection_result *answer) {
    FD_FREE fd_ready_pair **offers = calloc(answer->count + 1, sizeof(*offers));
    int r = offers ? 0 : -ENOMEM;
    for (size_t i = 0; i < answer->count && r == 0; i++)
        r = fd_ready_pair_new(engine, answer->pairs[i].items, arm, answer->strategy,
                              &answer->pairs[i], answer->model_version, &offers[i]);
    if (r == 0) {
        (void)pthread_mutex_lock(&engine->desk->lock);
        if (rebuild && arm == FD_ARM_ACTIVE)
            drop_active(engine);
        for (size_t i = 0; i < answer->count && r == 0; i++)
            r = fd_ready_queue_put(engine, offers[i], false);
        engine->desk->fills += answer->count > 0;
        (void)pthread_mutex_unlock(&engine->desk->lock);
    }
    for (size_t i = 0; offers && i < answer->count; i++)
        fd_ready_pair_free(offers[i]);
    return r;
}

/* The next pair of those that were begun and still have room; false if there is none. */
static bool next_unfinished(fd_engine *engine, fi_pair *ret) {
    fd_assignments *desk = engine->desk;
    bool found = false;
    (void)pthread_mutex_lock(&desk->lock);
    while (!found && desk->n_unfinished > 0) {
        uint64_t key = desk->unfinished[--desk->n_unfinished];
        *ret = (fi_pair){(uint32_t)(key >> 32), (uint32_t)key};
        fd_pair_record *record = fd_pair_record_get_or_add(desk, *ret);
        if (!record)
            continue;
        record->unfinished = false;
        found = !record->ready && fd_pair_record_annotators_wanted(engine, record) > 0;
    }
    (void)pthread_mutex_unlock(&desk->lock);
    return found;
}

/* Pairs that were skipped, or answered by too few, go to the front again. */
static int put_unfinished(fd_engine *engine) {
    fd_assignments *desk = engine->desk;
    fi_pair pair;
    int r = 0;
    while (r == 0 && next_unfinished(engine, &pair)) {
        FD_CLEANUP(fd_ready_pair_freep) fd_ready_pair *offer = NULL;
        uint64_t version;
        fd_selected_pair begun = {.gain = NAN, .p = fd_engine_probability(engine, pair, &version)};
        r = fd_ready_pair_new(engine, pair, FD_ARM_ACTIVE, "unfinished", &begun, version, &offer);
        (void)pthread_mutex_lock(&desk->lock);
        if (r == 0)
            r = fd_ready_queue_put(engine, offer, true);
        if (r < 0)
            fd_unfinished_pairs_add(engine, fd_pair_record_get_or_add(desk, pair));
        desk->fills++;
        (void)pthread_mutex_unlock(&desk->lock);
    }
    return r;
}

/* What went out lately tells what will; an old rush is forgotten by halves. */
static void expect_demand(fd_assignments *desk) {
    (void)pthread_mutex_lock(&desk->lock);
    size_t lately = READY_PER_GIVEN * desk->given_out;
    desk->demand = lately > desk->demand / 2 ? lately : desk->demand / 2;
    desk->demand = desk->demand < DEMAND_MAX ? desk->demand : DEMAND_MAX;
    desk->given_out = 0;
    (void)pthread_mutex_unlock(&desk->lock);
}

/* A sample that came in full does not tell how many more there are. */
static void note_candidates(fd_engine *engine, size_t drawn, size_t found) {
    double full = floor(engine->options.offer.contested * (double)drawn);
    bool plenty = drawn > 0 && (double)found >= full;
    (void)pthread_mutex_lock(&engine->desk->lock);
    engine->desk->candidates = plenty ? SIZE_MAX : found;
    (void)pthread_mutex_unlock(&engine->desk->lock);
}

/* *ret_full: as many were found as were wanted. */
static int choose_some(fd_engine *engine, fd_arm arm, bool anew, size_t count, bool *ret_full,
                       fd_fault *fault) {
    fd_assignments *desk = engine->desk;
    double now = fd_monotonic_seconds();
    bool figures = arm == FD_ARM_ACTIVE && (anew || now - desk->figured >= figure_seconds);
    FD_CLEANUP(taken_clear) struct taken taken = {0};
    FD_CLEANUP(fd_selection_result_clear) fd_selection_result answer = {0};
    int r = list_taken(engine, anew, &taken);
    if (r == 0)
        r = choose(engine, arm, count, figures, &taken, &answer, fault);
    if (r == 0 && arm == FD_ARM_ACTIVE)
        note_candidates(engine, candidates_for(engine, arm, count), (size_t)answer.candidates);
    if (r == 0)
        r = put_all(engine, arm, anew, &answer);
    if (r == 0 && figures && answer.count > 0) {
        desk->figured = now;
        fd_batch_history_add(engine, &answer);
    }
    *ret_full = answer.count == count;
    return r;
}

static size_t wanted_now(fd_engine *engine, fd_arm arm) {
    (void)pthread_mutex_lock(&engine->desk->lock);
    size_t want = wanted(engine, arm);
    (void)pthread_mutex_unlock(&engine->desk->lock);
    return want;
}

/* The first part is small: its candidates tell whether there are enough for more. */
static int fill_arm(fd_engine *engine, fd_arm arm, bool anew, uint32_t annotator, fd_fault *fault) {
    fd_assignments *desk = engine->desk;
    (void)pthread_mutex_lock(&desk->lock);
    size_t have = anew ? 0 : count_ready(desk, arm, annotator);
    (void)pthread_mutex_unlock(&desk->lock);
    size_t most = RUSH;
    bool full = true;
    int r = 0;
    for (size_t want; r == 0 && full && have < (want = wanted_now(engine, arm));) {
        size_t count = want - have < most ? want - have : most;
        r = choose_some(engine, arm, anew, count, &full, fault);
        have += count;
        anew = false;
        most = CHOSEN_AT_ONCE;
    }
    return r;
}

static int fill(fd_engine *engine, bool rebuild, uint32_t annotator, fd_fault *fault) {
    double start = fd_monotonic_seconds();
    expect_demand(engine->desk);
    int r = put_unfinished(engine);
    for (size_t arm = 0; arm < FD_ARM_COUNT && r == 0; arm++)
        r = fill_arm(engine, (fd_arm)arm, rebuild && arm == FD_ARM_ACTIVE, annotator, fault);
    if (r == 0)
        fd_metrics_observe(engine->metrics, FD_METRIC_REFILL_SECONDS, NULL, NULL,
                           fd_monotonic_seconds() - start);
    return r;
}

static uint64_t count_fills(fd_assignments *desk) {
    (void)pthread_mutex_lock(&desk->lock);
    uint64_t fills = desk->fills;
    (void)pthread_mutex_unlock(&desk->lock);
    return fills;
}

int fd_refill_now(fd_engine *engine, uint32_t annotator, uint64_t fills, bool *ret_more,
                  fd_fault *fault) {
    int r = 0;
    (void)pthread_mutex_lock(&engine->desk->filling);
    if (count_fills(engine->desk) == fills)
        r = fill(engine, false, annotator, fault);
    *ret_more = count_fills(engine->desk) != fills;
    (void)pthread_mutex_unlock(&engine->desk->filling);
    return r;
}

/* ---- the thread ---- */

/* What failed is tried again, but not at once. */
static void wait_a_moment(fd_assignments *desk) {
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    (void)pthread_cond_timedwait(&desk->wanted, &desk->lock, &until);
}

static void *refill_loop(void *context) {
    fd_engine *engine = context;
    fd_assignments *desk = engine->desk;
    (void)pthread_mutex_lock(&desk->lock);
    while (!desk->stopping) {
        if (!desk->refill_wanted && !desk->rebuild_wanted) {
            (void)pthread_cond_wait(&desk->wanted, &desk->lock);
            continue;
        }
        bool rebuild = desk->rebuild_wanted;
        uint32_t annotator = desk->hungry;
        desk->refill_wanted = desk->rebuild_wanted = false;
        desk->hungry = FD_NOBODY;
        (void)pthread_mutex_unlock(&desk->lock);

        fd_fault fault = {0};
        (void)pthread_mutex_lock(&desk->filling);
        int r = fill(engine, rebuild, annotator, &fault);
        (void)pthread_mutex_unlock(&desk->filling);
        if (r < 0 && r != -EAGAIN && r != -ECANCELED)
            fd_log(FD_LOG_ERROR, "refill-failed",
                   FD_STR("error", fault.detail[0] ? fault.detail : strerror(-r)));

        (void)pthread_mutex_lock(&desk->lock);
        desk->rebuild_wanted |= rebuild && r < 0 && r != -EAGAIN && !desk->stopping;
        if (r < 0 && !desk->stopping)
            wait_a_moment(desk);
    }
    (void)pthread_mutex_unlock(&desk->lock);
    return NULL;
}

void fd_refill_notify(fd_engine *engine, bool rebuild) {
    fd_assignments *desk = engine->desk;
    (void)pthread_mutex_lock(&desk->lock);
    desk->rebuild_wanted |= rebuild;
    desk->refill_wanted |= is_short(engine);
    if (desk->refill_wanted || desk->rebuild_wanted)
        (void)pthread_cond_signal(&desk->wanted);
    fd_metrics_set(engine->metrics, FD_METRIC_LEASES, NULL, NULL, (double)HASH_COUNT(desk->leases));
    fd_metrics_set(engine->metrics, FD_METRIC_READY, "active", NULL,
                   (double)desk->ready[FD_ARM_ACTIVE].count);
    fd_metrics_set(engine->metrics, FD_METRIC_READY, "control", NULL,
                   (double)desk->ready[FD_ARM_CONTROL].count);
    (void)pthread_mutex_unlock(&desk->lock);
}

int fd_refill_start(fd_engine *engine) {
    return -pthread_create(&engine->desk->thread, NULL, refill_loop, engine);
}

void fd_engine_interrupt(fd_engine *engine) {
    fd_assignments *desk = engine->desk;
    (void)pthread_mutex_lock(&desk->lock);
    desk->stopping = true;
    (void)pthread_cond_signal(&desk->wanted);
    (void)pthread_mutex_unlock(&desk->lock);
}

void fd_refill_stop(fd_engine *engine) {
    fd_engine_interrupt(engine);
    (void)pthread_join(engine->desk->thread, NULL);
}
