/* Works on embedding jobs: when, how often, and how each one ends. */
#include "embedding_worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "embedding_jobs.h"
#include "embedding_steps.h"
#include "log.h"
#include "thread.h"

/* Between attempts while the embedder or the store fails; the wait doubles. */
static const double first_wait = 0.5, longest_wait = 60.0;

struct fd_embedding_worker {
    fd_embedding_steps steps;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stops; /* guarded by lock, like the next three */
    bool is_woken;
    bool is_cancelled;
    char current[FD_EMBEDDING_JOB_ID_SIZE]; /* id of the job that it works on */
    bool runs;
    pthread_t thread;
};

/* ---- signals ---- */

static bool goes_on(void *context) {
    fd_embedding_worker *worker = context;
    if (!fd_engine_trains(worker->steps.engine))
        return false; /* another replica works on the job by now */
    FD_LOCKED(&worker->lock);
    return !worker->stops && !worker->is_cancelled;
}

void fd_embedding_worker_interrupt(fd_embedding_worker *worker) {
    FD_LOCKED(&worker->lock);
    worker->stops = true;
    (void)pthread_cond_signal(&worker->changed);
}

void fd_embedding_worker_wake(fd_embedding_worker *worker) {
    FD_LOCKED(&worker->lock);
    worker->is_woken = true;
    (void)pthread_cond_signal(&worker->changed);
}

void fd_embedding_worker_cancelled(fd_embedding_worker *worker, const char *id) {
    FD_LOCKED(&worker->lock);
    if (strcmp(worker->current, id) != 0)
        return;
    worker->is_cancelled = true;
    (void)pthread_cond_signal(&worker->changed);
}

static void set_current(fd_embedding_worker *worker, const char *id) {
    FD_LOCKED(&worker->lock);
    (void)snprintf(worker->current, sizeof(worker->current), "%s", id);
    worker->is_cancelled = false;
}

/* Until there may be a job. False: the worker stops. */
static bool wait_for_job(fd_embedding_worker *worker) {
    FD_LOCKED(&worker->lock);
    if (!fd_engine_is_shared(worker->steps.engine)) {
        while (!worker->stops && !worker->is_woken)
            (void)pthread_cond_wait(&worker->changed, &worker->lock);
    } else if (!worker->stops && !worker->is_woken) { /* others leave jobs in the store */
        fd_condition_wait_for(&worker->changed, &worker->lock, first_wait);
    }
    worker->is_woken = false;
    return !worker->stops;
}

static void rest(fd_embedding_worker *worker, double seconds) {
    double until = fd_monotonic_seconds() + seconds;
    FD_LOCKED(&worker->lock);
    while (!worker->stops && !worker->is_cancelled && fd_monotonic_seconds() < until)
        fd_condition_wait_until(&worker->changed, &worker->lock, until);
}

/* ---- one job ---- */

/* Whether another attempt would end in the same way. */
static bool is_final(int error) {
    return error == -EPROTO || error == -EEXIST || error == -EINVAL || error == -EBADMSG ||
           error == -ENOENT;
}

static void log_end(const fd_embedding_worker *worker, const fd_embedding_job_row *row,
                    const char *state, double start) {
    fd_metrics_add(fd_engine_metrics(worker->steps.engine), FD_METRIC_EMBEDDING_JOBS_ENDED, state,
                   NULL, 1);
    fd_log(strcmp(state, "failed") == 0 ? FD_LOG_ERROR : FD_LOG_INFO, "embedding-job-ended",
           FD_STR("job", row->id), FD_STR("state", state), FD_INT("items", row->items),
           FD_INT("embedded", row->done), FD_STR("error", row->error ? row->error : ""),
           FD_REAL("seconds", fd_monotonic_seconds() - start));
}

static int fail(const fd_embedding_worker *worker, fd_embedding_job_row *row) {
    fd_embedding_job_row end = *row;
    end.state = FD_EMBEDDING_JOB_FAILED;
    return fd_engine_embedding_job_write(worker->steps.engine, &end, NULL, 0);
}

/* Tells what the job waits for, in the job and once in the log. */
static void tell_waiting(const fd_embedding_worker *worker, const fd_embedding_job_row *row,
                         bool is_first) {
    fd_metrics_add(fd_engine_metrics(worker->steps.engine), FD_METRIC_EMBEDDING_JOB_WAITS, NULL,
                   NULL, 1);
    if (!is_first)
        return;
    fd_log(FD_LOG_WARNING, "embedding-job-waits", FD_STR("job", row->id),
           FD_STR("error", row->error));
    (void)!fd_engine_embedding_job_write(worker->steps.engine, row, NULL, 0);
}

static void work_on(fd_embedding_worker *worker, fd_embedding_job_row *row) {
    double start = fd_monotonic_seconds(), wait = first_wait;
    fd_fault last = {0};
    bool has_told = false;
    set_current(worker, row->id);
    for (;;) {
        uint64_t before = row->done;
        fd_fault fault = {0};
        row->error = NULL;
        int r = fd_embedding_steps_run(&worker->steps, row, &fault);
        if (r == 0 || r == -ECANCELED || r == -ESHUTDOWN) {
            if (r == 0)
                log_end(worker, row, "done", start);
            return; /* whoever cancelled it has told so */
        }
        if (fault.detail[0] == '\0')
            (void)fd_fault_set(&fault, r, "", "%s", strerror(-r));
        last = fault;
        row->error = last.detail;
        if (is_final(r))
            r = fail(worker, row);
        if (r == 0)
            log_end(worker, row, "failed", start);
        if (r == 0 || r == -ECANCELED)
            return;
        bool has_advanced = row->done > before;
        wait = has_advanced ? first_wait : wait;
        tell_waiting(worker, row, has_advanced || !has_told);
        has_told = true;
        rest(worker, wait);
        wait = 2 * wait < longest_wait ? 2 * wait : longest_wait;
    }
}

/* ---- the thread ---- */

static bool stops(fd_embedding_worker *worker) {
    FD_LOCKED(&worker->lock);
    return worker->stops;
}

static void *work_loop(void *context) {
    fd_embedding_worker *worker = context;
    fd_thread_name("embedding");
    while (!stops(worker)) {
        FD_FREE fd_embedding_job_row *row = NULL;
        bool is_mine = fd_engine_trains(worker->steps.engine);
        int r = is_mine ? fd_engine_embedding_job_next(worker->steps.engine, &row) : -EAGAIN;
        if (r < 0)
            rest(worker, first_wait);
        else if (row)
            work_on(worker, row);
        else if (!wait_for_job(worker))
            break;
    }
    return NULL;
}

static void worker_free(fd_embedding_worker *worker) {
    (void)pthread_mutex_destroy(&worker->lock);
    (void)pthread_cond_destroy(&worker->changed);
    free(worker);
}

int fd_embedding_worker_start(fd_engine *engine, fd_embedder *embedder, const char *score_metadata,
                              fd_memory_budget *memory, fd_embedding_worker **ret) {
    fd_embedding_worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        return -ENOMEM;
    worker->steps = (fd_embedding_steps){
        .engine = engine,
        .embedder = embedder,
        .score_metadata = score_metadata,
        .memory = memory,
        .go_on = goes_on,
        .context = worker,
    };
    (void)pthread_mutex_init(&worker->lock, NULL);
    fd_condition_init(&worker->changed);
    fd_embedding_jobs_gauge(engine);
    int r = embedder ? -pthread_create(&worker->thread, NULL, work_loop, worker) : 0;
    worker->runs = embedder && r == 0;
    if (r < 0) {
        worker_free(worker);
        return r;
    }
    *ret = worker;
    return 0;
}

void fd_embedding_worker_stop(fd_embedding_worker *worker) {
    fd_embedding_worker_interrupt(worker);
    if (worker->runs)
        (void)pthread_join(worker->thread, NULL);
    worker_free(worker);
}
