/* Brings the target of i-opt up to date when it is wanted. */
#include "target_thread.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fisher/selection.h>

#include "clock.h"
#include "engine_state.h"
#include "i_opt_target.h"
#include "log.h"
#include "thread.h"

enum { NICENESS = 5 };

/* During an upload each batch of items changes the target: it rests this often after the time that
 * it worked. */
static const double rest_share = 1.0, retry_seconds = 1.0;

struct fd_target_thread {
    pthread_mutex_t lock;
    pthread_cond_t asked;
    bool wanted; /* guarded by lock */
    pthread_t thread;
};

int fd_target_thread_new(fd_engine *engine) {
    struct fd_target_thread *target = calloc(1, sizeof(*target));
    if (!target)
        return -ENOMEM;
    (void)pthread_mutex_init(&target->lock, NULL);
    fd_condition_init(&target->asked);
    engine->target_thread = target;
    return 0;
}

void fd_target_thread_free(fd_engine *engine) {
    struct fd_target_thread *target = engine->target_thread;
    if (!target)
        return;
    (void)pthread_mutex_destroy(&target->lock);
    (void)pthread_cond_destroy(&target->asked);
    free(target);
}

void fd_target_thread_notify(fd_engine *engine) {
    FD_LOCKED(&engine->target_thread->lock);
    engine->target_thread->wanted = true;
    (void)pthread_cond_signal(&engine->target_thread->asked);
}

void fd_target_thread_on_commit(fd_engine *engine) {
    const fi_strategy *strategy = fi_strategy_find(engine->options.strategy);
    if (engine->snapshot && strategy && strategy->uses_target &&
        !fd_i_opt_target_is_ready(engine->snapshot))
        fd_target_thread_notify(engine);
}

/* ---- the thread ---- */

/* Waits until a target is wanted; false when the engine closes. */
static bool wait_until_wanted(fd_engine *engine) {
    struct fd_target_thread *target = engine->target_thread;
    FD_LOCKED(&target->lock);
    while (!target->wanted && !atomic_load(&engine->closing))
        (void)pthread_cond_wait(&target->asked, &target->lock);
    target->wanted = false;
    return !atomic_load(&engine->closing);
}

static void rest(fd_engine *engine, double seconds) {
    struct fd_target_thread *target = engine->target_thread;
    double until = fd_monotonic_seconds() + seconds;
    FD_LOCKED(&target->lock);
    while (!atomic_load(&engine->closing) && fd_monotonic_seconds() < until)
        fd_condition_wait_until(&target->asked, &target->lock, until);
}

static void *target_loop(void *context) {
    fd_engine *engine = context;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
    while (wait_until_wanted(engine)) {
        double start = fd_monotonic_seconds();
        FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = fd_engine_snapshot_or_null(engine);
        int r = snapshot ? fd_i_opt_target_prepare(engine, snapshot) : 0;
        if (r < 0 && r != -ECANCELED) {
            fd_log(FD_LOG_ERROR, "target-failed", FD_STR("error", strerror(-r)));
            rest(engine, retry_seconds);
            fd_target_thread_notify(engine);
        }
        rest(engine, rest_share * (fd_monotonic_seconds() - start));
    }
    return NULL;
}

int fd_target_thread_start(fd_engine *engine) {
    return -pthread_create(&engine->target_thread->thread, NULL, target_loop, engine);
}

void fd_target_thread_interrupt(fd_engine *engine) {
    FD_LOCKED(&engine->target_thread->lock);
    (void)pthread_cond_signal(&engine->target_thread->asked);
}

void fd_target_thread_stop(fd_engine *engine) {
    atomic_store(&engine->closing, true);
    fd_target_thread_interrupt(engine);
    (void)pthread_join(engine->target_thread->thread, NULL);
}
