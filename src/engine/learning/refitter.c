/* Runs a refit when one is due, and rests after it. */
#include "refitter.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "engine_state.h"
#include "health.h"
#include "last_layer_refit.h"
#include "log.h"
#include "thread.h"

enum { NICENESS = 5 };

/* After a refit the thread rests four times as long as the refit took, and this long at most:
 * answers that come one after another share a refit, which takes a fifth of a core while refits are
 * short, and a model still follows an answer within 50 ms and a refit. */
static const double rests_per_refit = 4.0, rest_seconds = 0.04;

/* In a rush, when this many answers came between two refits, it may rest this long: a model knows
 * little more after each, and those who answer need the processor. */
enum { RUSH = 64 };
static const double rush_seconds = 0.25;

struct fd_refitter {
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    pthread_cond_t ended;
    bool stop; /* guarded by lock, like the next four */
    bool due;  /* the model that serves has something to learn */
    bool runs;
    double due_since; /* monotonic seconds */
    size_t revisions; /* at the last commit */
    size_t begun_at;  /* revisions when the last refit began; the thread's own, like the next */
    bool is_rush;
    pthread_t thread;
};

int fd_refitter_new(fd_engine *engine) {
    struct fd_refitter *refitter = calloc(1, sizeof(*refitter));
    if (!refitter)
        return -ENOMEM;
    (void)pthread_mutex_init(&refitter->lock, NULL);
    fd_condition_init(&refitter->wanted);
    fd_condition_init(&refitter->ended);
    engine->refitter = refitter;
    return 0;
}

void fd_refitter_free(fd_engine *engine) {
    struct fd_refitter *refitter = engine->refitter;
    if (!refitter)
        return;
    (void)pthread_mutex_destroy(&refitter->lock);
    (void)pthread_cond_destroy(&refitter->wanted);
    (void)pthread_cond_destroy(&refitter->ended);
    free(refitter);
}

void fd_refitter_on_commit(fd_engine *engine) {
    struct fd_refitter *refitter = engine->refitter;
    if (!engine->options.refit || !engine->snapshot ||
        !fd_last_layer_is_behind(engine->snapshot, engine->project.version))
        return;
    FD_LOCKED(&refitter->lock);
    if (!refitter->due)
        refitter->due_since = fd_monotonic_seconds();
    refitter->due = true;
    refitter->revisions = engine->labels.count;
    (void)pthread_cond_signal(&refitter->wanted);
}

void fd_refitter_wait(fd_engine *engine) {
    struct fd_refitter *refitter = engine->refitter;
    FD_LOCKED(&refitter->lock);
    while (refitter->due || refitter->runs)
        (void)pthread_cond_wait(&refitter->ended, &refitter->lock);
}

/* ---- the thread ---- */

static bool goes_on(void *context) {
    fd_engine *engine = context;
    fd_health_beat(engine, FD_HEALTH_REFIT);
    FD_LOCKED(&engine->refitter->lock);
    return !engine->refitter->stop;
}

static void report(fd_engine *engine, int result, double start, double due_since) {
    if (result == -ECANCELED || result == -ESHUTDOWN)
        return;
    double now = fd_monotonic_seconds();
    fd_health_result(engine, FD_HEALTH_REFIT, result != 0);
    if (result == 0) {
        fd_metrics_observe(engine->metrics, FD_METRIC_REFIT_SECONDS, NULL, NULL, now - start);
        fd_metrics_observe(engine->metrics, FD_METRIC_LABEL_TO_MODEL_SECONDS, NULL, NULL,
                           now - due_since);
        return;
    }
    const char *name = result == -EDOM ? "diverged" : "failed";
    fd_metrics_add(engine->metrics, FD_METRIC_REFITS, name, NULL, 1);
    fd_log(FD_LOG_ERROR, "refit-failed", FD_STR("result", name),
           FD_STR("error", strerror(-result)));
}

/* Waits until a refit is due and begins it; false when the engine closes. */
static bool begin_refit(struct fd_refitter *refitter, double *ret_due_since) {
    FD_LOCKED(&refitter->lock);
    while (!refitter->stop && !refitter->due)
        (void)pthread_cond_wait(&refitter->wanted, &refitter->lock);
    if (refitter->stop)
        return false;
    *ret_due_since = refitter->due_since;
    refitter->due = false;
    refitter->runs = true;
    refitter->is_rush = refitter->revisions - refitter->begun_at >= RUSH;
    refitter->begun_at = refitter->revisions;
    return true;
}

/* Ends a refit that took `seconds`, and rests. */
static void end_refit(struct fd_refitter *refitter, double seconds) {
    double most = refitter->is_rush ? rush_seconds : rest_seconds;
    double until = fd_monotonic_seconds() + fmin(rests_per_refit * seconds, most);
    FD_LOCKED(&refitter->lock);
    refitter->runs = false;
    (void)pthread_cond_broadcast(&refitter->ended);
    while (!refitter->stop && fd_monotonic_seconds() < until)
        fd_condition_wait_until(&refitter->wanted, &refitter->lock, until);
}

static void *refit_loop(void *context) {
    fd_engine *engine = context;
    const fd_last_layer_refit refit = {.engine = engine, .go_on = goes_on, .context = engine};
    double due_since;
    fd_thread_name("refit");
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
    while (begin_refit(engine->refitter, &due_since)) {
        double start = fd_monotonic_seconds();
        fd_health_beat(engine, FD_HEALTH_REFIT);
        report(engine, fd_last_layer_refit_run(&refit), start, due_since);
        fd_health_rest(engine, FD_HEALTH_REFIT);
        end_refit(engine->refitter, fd_monotonic_seconds() - start);
    }
    return NULL;
}

int fd_refitter_start(fd_engine *engine) {
    if (!engine->options.refit)
        return 0;
    return -pthread_create(&engine->refitter->thread, NULL, refit_loop, engine);
}

void fd_refitter_interrupt(fd_engine *engine) {
    FD_LOCKED(&engine->refitter->lock);
    engine->refitter->stop = true;
    (void)pthread_cond_signal(&engine->refitter->wanted);
}

void fd_refitter_stop(fd_engine *engine) {
    fd_refitter_interrupt(engine);
    if (engine->options.refit)
        (void)pthread_join(engine->refitter->thread, NULL);
}
