/* Works on a re-embedding: when, how often, and how it ends. */
#include "re_embedding_worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "re_embedding_changes.h"
#include "re_embedding_steps.h"
#include "re_embedding_switch.h"
#include "thread.h"

/* Between attempts while the embedder or the store fails; the wait doubles. */
static const double first_wait = 0.5, longest_wait = 60.0;

/* Between looks at what other replicas may have begun, or given up. */
static const double look_seconds = 1.0;

struct fd_re_embedding_worker {
    fd_engine *engine;
    fd_embedder *embedder; /* NULL: the thread does not run */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stops; /* guarded by lock, like the next two */
    bool is_woken;
    fd_re_embedding_progress progress;
    pthread_t thread;
};

/* ---- signals ---- */

static bool goes_on(void *context) {
    fd_re_embedding_worker *worker = context;
    if (!fd_engine_trains(worker->engine))
        return false;
    FD_LOCKED(&worker->lock);
    return !worker->stops && !worker->is_woken;
}

void fd_re_embedding_worker_interrupt(fd_re_embedding_worker *worker) {
    FD_LOCKED(&worker->lock);
    worker->stops = true;
    (void)pthread_cond_signal(&worker->changed);
}

void fd_re_embedding_worker_wake(fd_re_embedding_worker *worker) {
    FD_LOCKED(&worker->lock);
    worker->is_woken = true;
    (void)pthread_cond_signal(&worker->changed);
}

void fd_re_embedding_worker_read(fd_re_embedding_worker *worker, fd_re_embedding_progress *ret) {
    FD_LOCKED(&worker->lock);
    *ret = worker->progress;
}

static void set_state(fd_re_embedding_worker *worker, fd_re_embedding_state state,
                      const char *error) {
    FD_LOCKED(&worker->lock);
    worker->progress.state = state;
    (void)snprintf(worker->progress.error, sizeof(worker->progress.error), "%s", error);
}

/* Until it is woken, or the time is over. False: the worker stops. */
static bool rest(fd_re_embedding_worker *worker, double seconds) {
    double until = fd_monotonic_seconds() + seconds;
    FD_LOCKED(&worker->lock);
    while (!worker->stops && !worker->is_woken && fd_monotonic_seconds() < until)
        fd_condition_wait_until(&worker->changed, &worker->lock, until);
    return !worker->stops;
}

/* Of replicas, the one that trains works, on what was begun at any of them. */
static bool wait_for_work(fd_re_embedding_worker *worker) {
    if (fd_engine_is_shared(worker->engine))
        return rest(worker, look_seconds);
    FD_LOCKED(&worker->lock);
    while (!worker->stops && !worker->is_woken)
        (void)pthread_cond_wait(&worker->changed, &worker->lock);
    return !worker->stops;
}

/* What is asked from now on interrupts again. */
static void take_wake(fd_re_embedding_worker *worker) {
    FD_LOCKED(&worker->lock);
    worker->is_woken = false;
}

/* ---- one attempt ---- */

static void note_block(void *context) {
    fd_re_embedding_worker *worker = context;
    FD_LOCKED(&worker->lock);
    if (worker->progress.state == FD_RE_EMBEDDING_WAITING)
        worker->progress = (fd_re_embedding_progress){.state = FD_RE_EMBEDDING_EMBEDDING};
}

struct attempt {
    fd_re_embedding_steps steps;
    fd_fault *fault;
};

static fd_re_embedding_steps steps_of(fd_re_embedding_worker *worker) {
    return (fd_re_embedding_steps){worker->engine, worker->embedder, goes_on, note_block, worker};
}

/* On the thread of the training, while the worker's own waits for it. */
static int complete(void *context) {
    const struct attempt *attempt = context;
    return fd_re_embedding_steps_run(&attempt->steps, attempt->fault);
}

static bool attempt_goes_on(void *context) {
    const struct attempt *attempt = context;
    return goes_on(attempt->steps.context);
}

/* 0: the new vectors serve. -ENOENT: nothing is begun. */
static int try_all(fd_re_embedding_worker *worker, fd_fault *fault) {
    struct attempt attempt = {steps_of(worker), fault};
    const fd_switch_hooks hooks = {complete, attempt_goes_on, &attempt};
    int r = complete(&attempt);
    if (r < 0)
        return r;
    set_state(worker, FD_RE_EMBEDDING_SWITCHING, "");
    return fd_engine_re_embedding_switch(worker->engine, &hooks);
}

/* ---- the thread ---- */

/* Tells it in the log once. */
static void tell_waiting(fd_re_embedding_worker *worker, const char *error) {
    fd_re_embedding_progress before;
    fd_re_embedding_worker_read(worker, &before);
    set_state(worker, FD_RE_EMBEDDING_WAITING, error);
    if (before.state != FD_RE_EMBEDDING_WAITING || strcmp(before.error, error) != 0)
        fd_log(FD_LOG_WARNING, "re-embedding-waits", FD_STR("error", error));
}

/* Goes on until it is done, given up, interrupted, or asked for again. */
static void work(fd_re_embedding_worker *worker) {
    double wait = first_wait;
    for (bool is_first = true;; is_first = false) {
        fd_fault fault = {0};
        if (is_first)
            set_state(worker, FD_RE_EMBEDDING_EMBEDDING, "");
        int r = try_all(worker, &fault);
        if (r == 0 || r == -ENOENT || r == -ECANCELED || r == -ESHUTDOWN)
            return;
        if (r == -EAGAIN && fault.detail[0] == '\0') { /* items keep coming */
            set_state(worker, FD_RE_EMBEDDING_EMBEDDING, "");
            wait = first_wait;
        } else {
            tell_waiting(worker, fault.detail[0] != '\0' ? fault.detail : strerror(-r));
        }
        if (!rest(worker, wait))
            return;
        wait = 2 * wait < longest_wait ? 2 * wait : longest_wait;
    }
}

/* Whether there is anything to do, beside what is left over. */
static void look_after(fd_re_embedding_worker *worker) {
    const fd_re_embedding_steps steps = steps_of(worker);
    fd_re_embedding counts = {0};
    int r = fd_engine_re_embedding_read(worker->engine, &counts);
    if (r == 0 && counts.is_begun)
        work(worker);
    if (r == 0)
        r = fd_engine_re_embedding_read(worker->engine, &counts);
    if (r == 0 && !counts.is_begun)
        set_state(worker, FD_RE_EMBEDDING_IDLE, "");
    if (r == 0 && counts.left > 0)
        r = fd_re_embedding_steps_clean(&steps);
    if (r < 0 && r != -ESHUTDOWN)
        fd_log(FD_LOG_WARNING, "re-embedding-waits", FD_STR("error", strerror(-r)));
}

/* A replica looks often, and counts vectors only if there is something to count. */
static bool has_begun(const fd_re_embedding_worker *worker) {
    FD_FREE fd_embedder_row *row = NULL;
    return fd_engine_re_embedding_coming(worker->engine, &row) == 0 && row;
}

static void *work_loop(void *context) {
    fd_re_embedding_worker *worker = context;
    bool has_looked = false;
    do {
        bool is_mine = fd_engine_trains(worker->engine);
        take_wake(worker);
        if (is_mine && (!has_looked || !fd_engine_is_shared(worker->engine) || has_begun(worker)))
            look_after(worker);
        has_looked = is_mine;
    } while (wait_for_work(worker));
    return NULL;
}

static void worker_free(fd_re_embedding_worker *worker) {
    (void)pthread_mutex_destroy(&worker->lock);
    (void)pthread_cond_destroy(&worker->changed);
    free(worker);
}

int fd_re_embedding_worker_start(fd_engine *engine, fd_embedder *embedder,
                                 fd_re_embedding_worker **ret) {
    fd_re_embedding_worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        return -ENOMEM;
    worker->engine = engine;
    worker->embedder = embedder;
    (void)pthread_mutex_init(&worker->lock, NULL);
    fd_condition_init(&worker->changed);
    int r = embedder ? -pthread_create(&worker->thread, NULL, work_loop, worker) : 0;
    if (r < 0) {
        worker_free(worker);
        return r;
    }
    *ret = worker;
    return 0;
}

void fd_re_embedding_worker_stop(fd_re_embedding_worker *worker) {
    fd_re_embedding_worker_interrupt(worker);
    if (worker->embedder)
        (void)pthread_join(worker->thread, NULL);
    worker_free(worker);
}
