/* Runs refills, one at a time, when they are due. */
#include "refill_thread.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "assignments_state.h"
#include "clock.h"
#include "engine_state.h"
#include "log.h"
#include "refill.h"
#include "thread.h"

static const double retry_seconds = 1.0; /* after a refill that failed */

/* After a refill the thread rests twice as long as it took, and this long at most: nobody waits for
 * it, and in a rush it would take a core from those who ask. */
static const double rests_per_refill = 2.0, rest_seconds = 0.05;

/* Pairs are chosen again at a refit where that took no longer than this the last time. */
static const double cheap_seconds = 0.025;

struct fd_refill {
    double last_statistics; /* the thread's own; as in refill.h */
    pthread_cond_t closing;
    pthread_cond_t wanted; /* with the lock of the assignments, which guards the next two */
    bool refill_wanted, rebuild_wanted, new_model;
    double seconds;          /* that the last rebuild took; with that lock, too */
    uint64_t chosen_version; /* of the model that pairs were last chosen by; the writer's own */
    uint64_t chosen_refits;  /* of that model; the writer's own */
    size_t items;            /* of the last commit; the writer's own */
    pthread_t thread;
};

int fd_refill_new(fd_engine *engine) {
    struct fd_refill *refill = calloc(1, sizeof(*refill));
    if (!refill)
        return -ENOMEM;
    fd_condition_init(&refill->wanted);
    fd_condition_init(&refill->closing);
    engine->refill = refill;
    return 0;
}

void fd_refill_free(fd_engine *engine) {
    struct fd_refill *refill = engine->refill;
    if (!refill)
        return;
    (void)pthread_cond_destroy(&refill->wanted);
    (void)pthread_cond_destroy(&refill->closing);
    free(refill);
}

/* ---- notifications ---- */

static void notify(fd_engine *engine, bool new_model, bool new_refit) {
    fd_assignments *assignments = engine->assignments;
    struct fd_refill *refill = engine->refill;
    FD_LOCKED(&assignments->lock);
    refill->new_model |= new_model;
    bool is_cheap = refill->seconds <= cheap_seconds;
    refill->rebuild_wanted |= new_model || (new_refit && is_cheap);
    if (new_refit && !is_cheap)
        refill->seconds /= 2; /* tries again some refits later */
    refill->refill_wanted |= fd_ready_demand_is_short(engine);
    if (refill->refill_wanted || refill->rebuild_wanted)
        (void)pthread_cond_signal(&refill->wanted);
    fd_metrics_set(engine->metrics, FD_METRIC_LEASES, NULL, NULL,
                   (double)HASH_COUNT(assignments->leases.by_id));
    for (size_t arm = 0; arm < FD_ARM_COUNT; arm++)
        fd_metrics_set(engine->metrics, FD_METRIC_READY, fd_arm_name((fd_arm)arm), NULL,
                       (double)assignments->ready.arms[arm].count);
}

void fd_refill_notify(fd_engine *engine, bool rebuild) {
    notify(engine, rebuild, false);
}

static void note_change(fd_engine *engine) {
    FD_LOCKED(&engine->assignments->lock);
    engine->assignments->changes++;
}

void fd_refill_on_commit(fd_engine *engine) {
    if (!engine->snapshot)
        return;
    uint64_t version = engine->snapshot->served->row.version;
    uint64_t refits = engine->snapshot->served->refits;
    bool new_model = version != engine->refill->chosen_version;
    bool new_refit = refits != engine->refill->chosen_refits;
    if (new_model || engine->items.count != engine->refill->items)
        note_change(engine);
    engine->refill->chosen_version = version;
    engine->refill->chosen_refits = refits;
    engine->refill->items = engine->items.count;
    notify(engine, new_model, new_refit);
}

/* ---- the thread ---- */

static int run(fd_engine *engine, bool rebuild, uint32_t annotator) {
    fd_fault fault = {0};
    int r = fd_refill(engine, rebuild, annotator, &engine->refill->last_statistics, &fault);
    if (r < 0 && r != -EAGAIN && r != -ECANCELED)
        fd_log(FD_LOG_ERROR, "refill-failed",
               FD_STR("error", fault.detail[0] ? fault.detail : strerror(-r)));
    return r;
}

/* Waits until a refill is due; false when the engine closes. */
static bool wait_until_due(fd_engine *engine, bool *ret_rebuild, uint32_t *ret_annotator) {
    fd_assignments *assignments = engine->assignments;
    struct fd_refill *refill = engine->refill;
    FD_LOCKED(&assignments->lock);
    while (!atomic_load(&engine->interrupted) && !refill->refill_wanted && !refill->rebuild_wanted)
        (void)pthread_cond_wait(&refill->wanted, &assignments->lock);
    *ret_rebuild = refill->rebuild_wanted;
    if (refill->new_model)
        refill->last_statistics = -INFINITY;
    *ret_annotator = assignments->leases.short_for;
    refill->refill_wanted = refill->rebuild_wanted = refill->new_model = false;
    assignments->leases.short_for = FD_NOBODY;
    return !atomic_load(&engine->interrupted);
}

/* Waits before a refill that failed is tried again. */
static void wait_after_failure(fd_engine *engine, bool rebuild) {
    struct fd_refill *refill = engine->refill;
    FD_LOCKED(&engine->assignments->lock);
    if (atomic_load(&engine->interrupted))
        return;
    refill->rebuild_wanted |= rebuild;
    fd_condition_wait_for(&refill->wanted, &engine->assignments->lock, retry_seconds);
}

/* Rests after a refill of some seconds. */
static void rest(fd_engine *engine, bool rebuilt, double seconds) {
    double until = fd_monotonic_seconds() + fmin(rests_per_refill * seconds, rest_seconds);
    FD_LOCKED(&engine->assignments->lock);
    if (rebuilt)
        engine->refill->seconds = seconds;
    while (!atomic_load(&engine->interrupted) && fd_monotonic_seconds() < until)
        fd_condition_wait_until(&engine->refill->closing, &engine->assignments->lock, until);
}

static void *refill_loop(void *context) {
    fd_engine *engine = context;
    bool rebuild;
    uint32_t annotator;
    fd_thread_name("refill");
    while (wait_until_due(engine, &rebuild, &annotator)) {
        double start = fd_monotonic_seconds();
        int r = run(engine, rebuild, annotator);
        if (r < 0)
            wait_after_failure(engine, rebuild && r != -EAGAIN);
        else
            rest(engine, rebuild, fd_monotonic_seconds() - start);
    }
    return NULL;
}

int fd_refill_start(fd_engine *engine) {
    return -pthread_create(&engine->refill->thread, NULL, refill_loop, engine);
}

void fd_refill_interrupt(fd_engine *engine) {
    FD_LOCKED(&engine->assignments->lock);
    (void)pthread_cond_signal(&engine->refill->wanted);
    (void)pthread_cond_signal(&engine->refill->closing);
}

void fd_refill_stop(fd_engine *engine) {
    (void)pthread_join(engine->refill->thread, NULL);
}
