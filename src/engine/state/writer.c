/* The writer: its queue, its transactions, and what it does while the store fails. */
#include "writer.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "health.h"
#include "log.h"
#include "replica.h"
#include "thread.h"

enum { GROUP_MAX = 256, HOOKS_MAX = 10, TRIES_MAX = 8 };

/* How often a store that failed is probed, and one that works is looked for. */
static const double probe_seconds = 1.0;

/* How often the store is asked what became of a commit, and how long all jobs wait for that. */
static const double look_seconds = 0.1, patience_seconds = 5.0;

/* How long changes that are written behind wait for a transaction that takes them along. */
static const double behind_seconds = 0.5;

/* Making an untrained model again is a fifth of the writer's work at most, unless it is this quick:
 * then answers wait for it. */
static const double quick_seconds = 0.02, rests_per_refresh = 4.0;

struct fd_writer {
    pthread_mutex_t lock;
    pthread_cond_t queue_filled;
    fd_job *head; /* guarded by lock, like the next two */
    fd_job **tail;
    bool closed;
    double behind_due; /* monotonic seconds; 0: nothing waits to be written behind */
    atomic_bool behind_waits;
    pthread_t thread;

    size_t n_hooks;
    fd_commit_hook *hooks[HOOKS_MAX];
    fd_write_behind behind;
    fd_catch_up *catch_up;    /* NULL: the store is not shared */
    unsigned long long asked; /* to catch up, how often; guarded by lock, like the next two */
    unsigned long long done;  /* of those */
    int caught_up;            /* how the last one ended */
    pthread_cond_t is_done;

    atomic_int store_failure; /* -errno or 0; only the writer's thread sets it */
    double failed_since;      /* monotonic seconds; the thread's own, like the next */
    double next_refresh;      /* an untrained model is not made again before */
    bool is_unsure;           /* the end came before a commit's fate was known: nothing follows */
};

int fd_writer_new(fd_engine *engine) {
    struct fd_writer *writer = calloc(1, sizeof(*writer));
    if (!writer)
        return -ENOMEM;
    (void)pthread_mutex_init(&writer->lock, NULL);
    fd_condition_init(&writer->queue_filled);
    fd_condition_init(&writer->is_done);
    writer->tail = &writer->head;
    engine->writer = writer;
    return 0;
}

void fd_writer_free(fd_engine *engine) {
    struct fd_writer *writer = engine->writer;
    if (!writer)
        return;
    (void)pthread_mutex_destroy(&writer->lock);
    (void)pthread_cond_destroy(&writer->queue_filled);
    (void)pthread_cond_destroy(&writer->is_done);
    free(writer);
}

void fd_writer_on_commit(fd_engine *engine, fd_commit_hook *hook) {
    assert(engine->writer->n_hooks < HOOKS_MAX);
    engine->writer->hooks[engine->writer->n_hooks++] = hook;
}

void fd_writer_call_hooks(fd_engine *engine) {
    for (size_t i = 0; i < engine->writer->n_hooks; i++)
        engine->writer->hooks[i](engine);
}

/* ---- writing behind ---- */

void fd_writer_set_write_behind(fd_engine *engine, const fd_write_behind *write_behind) {
    engine->writer->behind = *write_behind;
}

void fd_writer_set_catch_up(fd_engine *engine, fd_catch_up *catch_up) {
    engine->writer->catch_up = catch_up;
}

void fd_writer_write_soon(fd_engine *engine) {
    struct fd_writer *writer = engine->writer;
    if (writer->catch_up) /* everything goes with the transaction that decides it */
        return;
    if (atomic_exchange(&writer->behind_waits, true))
        return;
    FD_LOCKED(&writer->lock);
    writer->behind_due = fd_monotonic_seconds() + behind_seconds;
    (void)pthread_cond_signal(&writer->queue_filled);
}

static void note_written_behind(struct fd_writer *writer) {
    if (!atomic_load(&writer->behind_waits))
        return;
    FD_LOCKED(&writer->lock);
    writer->behind_due = 0;
    atomic_store(&writer->behind_waits, false);
}

static void settle_behind(fd_engine *engine, bool committed) {
    if (!engine->writer->behind.settle)
        return;
    engine->writer->behind.settle(engine, committed);
    if (!committed)
        fd_writer_write_soon(engine);
}

/* ---- a failing store ---- */

int fd_writer_store_failure(fd_engine *engine) {
    return atomic_load(&engine->writer->store_failure);
}

const char *fd_writer_failure_text(int failure) {
    return failure == -ESTALE ? "a file of the database was removed, moved or replaced"
                              : strerror(-failure);
}

static void set_failure(fd_engine *engine, int failure) {
    atomic_store(&engine->writer->store_failure, failure);
    fd_metrics_set(engine->metrics, FD_METRIC_STORE_FAILED, NULL, NULL, failure != 0);
}

/* Logs only the first of several failures in a row. */
static void note_failure(fd_engine *engine, int failure) {
    if (fd_writer_store_failure(engine) == 0) {
        engine->writer->failed_since = fd_monotonic_seconds();
        fd_log(FD_LOG_ERROR, "store-failed", FD_STR("error", fd_writer_failure_text(failure)));
    }
    fd_metrics_add(engine->metrics, FD_METRIC_STORE_FAILURES, NULL, NULL, 1);
    set_failure(engine, failure);
}

static void note_success(fd_engine *engine) {
    if (fd_writer_store_failure(engine) != 0)
        fd_log(FD_LOG_INFO, "store-recovered",
               FD_REAL("seconds", fd_monotonic_seconds() - engine->writer->failed_since));
    set_failure(engine, 0);
}

/* Finds out, even if no request comes, that the store works again or that it was taken away. */
static void probe(fd_engine *engine) {
    const fd_store_operations *store = engine->store->operations;
    bool had_failed = fd_writer_store_failure(engine) != 0;
    int r = had_failed ? store->probe(engine->store) : store->present(engine->store);
    if (r == 0)
        note_success(engine);
    else if (had_failed)
        set_failure(engine, r);
    else
        note_failure(engine, r);
}

/* ---- transactions ---- */

static bool is_refusal(int result) {
    return result == -EEXIST || result == -EINVAL || result == -ENOENT || result == -ECANCELED;
}

static int store_jobs(fd_engine *engine, fd_job *jobs, bool refreshes, fd_snapshot **ret_snapshot) {
    fd_pending pending = {.items = engine->items.count,
                          .revisions = engine->labels.count,
                          .score_names = engine->scores.names.count,
                          .refreshes = refreshes};
    for (fd_job *job = jobs; job; job = job->next) {
        job->result = job->store(engine, job, &pending);
        if (job->result < 0 && !is_refusal(job->result))
            return job->result;
    }
    return fd_next_snapshot(engine, &pending, ret_snapshot);
}

/* Changes the memory, and returns the snapshot that served before if another one serves now. */
static fd_snapshot *apply_jobs(fd_engine *engine, fd_job *jobs, fd_snapshot *snapshot) {
    FD_WRITE_LOCKED(&engine->state_lock);
    for (fd_job *job = jobs; job; job = job->next)
        if (job->result == 0)
            job->apply(engine, job);
    if (!snapshot)
        return NULL;
    fd_snapshot *old = engine->snapshot;
    engine->snapshot = snapshot;
    return old;
}

/* After the commit: rows that went into files which were taken away meanwhile must not be
 * acknowledged. They are in the memory, because they are there when the files come back. */
static void confirm_jobs(fd_engine *engine, fd_job *jobs) {
    int r = engine->store->operations->present(engine->store);
    if (r == 0) {
        note_success(engine);
        return;
    }
    note_failure(engine, r);
    for (fd_job *job = jobs; job; job = job->next)
        if (job->result == 0)
            job->result = r;
}

static void follow_jobs(fd_engine *engine, fd_job *jobs) {
    for (fd_job *job = jobs; job; job = job->next)
        if (job->result == 0 && job->follow)
            job->follow(engine, job);
}

static unsigned long long count_asked(struct fd_writer *writer) {
    FD_LOCKED(&writer->lock);
    return writer->asked;
}

/* Tells those who asked before the rows were read. */
static void note_caught_up(struct fd_writer *writer, unsigned long long asked, int result) {
    FD_LOCKED(&writer->lock);
    writer->done = asked;
    writer->caught_up = result;
    (void)pthread_cond_broadcast(&writer->is_done);
}

/* Begins, and catches up; what others committed is kept whatever becomes of the transaction. */
static int begin_transaction(fd_engine *engine) {
    const fd_store_operations *store = engine->store->operations;
    if (!engine->writer->catch_up)
        return store->begin(engine->store);
    unsigned long long asked = count_asked(engine->writer);
    int r = store->begin(engine->store);
    if (r < 0)
        return r;
    r = engine->writer->catch_up(engine, true);
    if (r > 0)
        fd_writer_call_hooks(engine);
    if (r < 0)
        store->rollback(engine->store);
    else
        note_caught_up(engine->writer, asked, 0);
    return r < 0 ? r : 0;
}

/* ---- a commit whose fate is unknown ---- */

static void finish_jobs(fd_job *jobs) {
    for (fd_job *job = jobs, *next; job; job = next) {
        next = job->next; /* the job is gone once its thread wakes */
        (void)sem_post(&job->finished);
    }
}

/* Rests for a moment; false once the writer is closed. */
static bool rest(fd_engine *engine) {
    struct fd_writer *writer = engine->writer;
    double until = fd_monotonic_seconds() + look_seconds;
    FD_LOCKED(&writer->lock);
    for (double left = look_seconds; left > 0 && !writer->closed;
         left = until - fd_monotonic_seconds())
        fd_condition_wait_for(&writer->queue_filled, &writer->lock, left);
    return !writer->closed;
}

/* 0: the jobs are stored, -EAGAIN: they are not. While neither is known, the memory can change
 * neither with them nor without. -EIO: nobody knows after some seconds. The jobs fail then, and if
 * they are stored after all, their rows come as those of others do. */
static int settle_commit(fd_engine *engine) {
    double start = fd_monotonic_seconds();
    do {
        int r = engine->store->replicas->was_committed(engine->store);
        if (r >= 0)
            return r > 0 ? 0 : -EAGAIN;
        fd_replica_end_if_lost(engine, r);
        fd_health_beat(engine, FD_HEALTH_WRITER);
        if (fd_monotonic_seconds() - start >= patience_seconds)
            return -EIO;
    } while (rest(engine));
    engine->writer->is_unsure = true;
    return -ESHUTDOWN;
}

/* ---- transactions that change the memory ---- */

static int write_transaction(fd_engine *engine, fd_job *jobs, bool refreshes,
                             fd_snapshot **ret_snapshot) {
    const fd_store_operations *store = engine->store->operations;
    int r = engine->writer->is_unsure ? -ESHUTDOWN : begin_transaction(engine);
    fd_replica_end_if_lost(engine, r);
    if (r < 0)
        return r;
    note_written_behind(engine->writer);
    r = store_jobs(engine, jobs, refreshes, ret_snapshot);
    if (r == 0 && engine->writer->behind.store)
        r = engine->writer->behind.store(engine);
    if (r == 0)
        r = store->commit(engine->store);
    if (r < 0)
        store->rollback(engine->store);
    if (r == -EAGAIN && engine->store->replicas)
        r = settle_commit(engine);
    settle_behind(engine, r == 0);
    return r;
}

static int run_transaction(fd_engine *engine, fd_job *jobs, bool refreshes) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    double start = fd_monotonic_seconds();

    int r = write_transaction(engine, jobs, refreshes, &snapshot);
    for (int i = 1; r == -EAGAIN && engine->store->replicas && i < TRIES_MAX; i++) {
        fd_snapshot_free(FD_STEAL(snapshot));
        r = write_transaction(engine, jobs, refreshes, &snapshot);
    }
    if (r < 0)
        return r;
    fd_metrics_observe(engine->metrics, FD_METRIC_COMMIT_SECONDS, NULL, NULL,
                       fd_monotonic_seconds() - start);
    fd_snapshot_free(apply_jobs(engine, jobs, FD_STEAL(snapshot)));
    if (engine->writer->catch_up)
        follow_jobs(engine, jobs);
    confirm_jobs(engine, jobs);
    if (jobs || refreshes)
        fd_writer_call_hooks(engine);
    return 0;
}

/* ---- a shared store out of reach ---- */

static bool may_pass(const fd_engine *engine, double deadline) {
    return fd_monotonic_seconds() < deadline && !atomic_load(&engine->closing);
}

/* Waits until the store can be reached again; false: it takes too long. */
static bool recovers(fd_engine *engine, double deadline) {
    int r = -EIO;
    while (r < 0 && may_pass(engine, deadline) && rest(engine)) {
        fd_health_beat(engine, FD_HEALTH_WRITER);
        r = engine->store->replicas->resume(engine->store);
        fd_replica_end_if_lost(engine, r);
    }
    return r >= 0;
}

/* Runs a transaction again that could not reach the store. */
static int run_surely(fd_engine *engine, fd_job *jobs, bool refreshes) {
    double deadline = fd_monotonic_seconds() + patience_seconds;
    int r = run_transaction(engine, jobs, refreshes);
    if (!engine->writer->catch_up)
        return r;
    while ((r == -EAGAIN || r == -EIO) && recovers(engine, deadline))
        r = run_transaction(engine, jobs, refreshes);
    return r == -EAGAIN ? -EIO : r;
}

static void write_behind(fd_engine *engine) {
    int r = run_surely(engine, NULL, false);
    if (r < 0)
        note_failure(engine, r);
}

/* Whether an untrained model is to be made again; *ret_left is how many seconds from now. */
static bool wants_refresh(fd_engine *engine, double *ret_left) {
    *ret_left = fmax(engine->writer->next_refresh - fd_monotonic_seconds(), 0.0);
    return fd_untrained_is_behind(engine) && fd_writer_store_failure(engine) == 0;
}

static void refresh(fd_engine *engine) {
    double start = fd_monotonic_seconds();
    int r = run_surely(engine, NULL, true);
    if (r < 0)
        note_failure(engine, r);
    double end = fd_monotonic_seconds(), seconds = end - start;
    engine->writer->next_refresh = r < 0                     ? end + probe_seconds
                                   : seconds < quick_seconds ? 0.0
                                                             : end + rests_per_refresh * seconds;
}

static int run_alone(fd_engine *engine, fd_job *job) {
    int r = run_surely(engine, job, false);
    if (r < 0) {
        note_failure(engine, r);
        job->result = r;
    }
    return r;
}

/* If the transaction of the group fails, each job gets a transaction of its own, so that one job
 * cannot fail the others. After an I/O error, or without the store's files, that would only make
 * the others wait for the same. */
static void run_group(fd_engine *engine, fd_job *jobs) {
    int r = jobs->next ? run_surely(engine, jobs, false) : -EINVAL;
    if (r == 0)
        return;
    if (r != -EIO || !engine->writer->catch_up)
        r = 0;
    else
        note_failure(engine, r); /* they have waited long enough */
    for (fd_job *job = jobs, *next; job; job = next) {
        next = job->next;
        job->next = NULL;
        if (r == -EIO || r == -ESTALE)
            job->result = r;
        else
            r = run_alone(engine, job);
        job->next = next;
    }
}

/* ---- the queue ---- */

/* What the writer shall do next. */
enum duty {
    RUN_JOBS, /* there are jobs, or the writer is closed */
    PROBE,    /* it is time to probe a store that failed, or to look for one that works */
    WRITE_BEHIND,
    REFRESH,
    CATCH_UP, /* others committed something */
};

/* With the lock held. */
static enum duty wait_for_duty(fd_engine *engine) {
    struct fd_writer *writer = engine->writer;
    enum duty duty = PROBE;
    double wait = probe_seconds, refresh_wait;
    if (writer->head || writer->closed)
        return RUN_JOBS;
    if (writer->asked > writer->done)
        return CATCH_UP;
    fd_health_rest(engine, FD_HEALTH_WRITER);
    if (fd_writer_store_failure(engine) == 0 && writer->behind_due > 0) {
        duty = WRITE_BEHIND;
        wait = writer->behind_due - fd_monotonic_seconds();
    }
    if (wants_refresh(engine, &refresh_wait) && refresh_wait < wait) {
        duty = REFRESH;
        wait = refresh_wait;
    }
    if (wait > 0)
        fd_condition_wait_for(&writer->queue_filled, &writer->lock, wait);
    return writer->head || writer->closed ? RUN_JOBS
           : writer->asked > writer->done ? CATCH_UP
                                          : duty;
}

/* With the lock held: cuts off the first jobs of the queue; NULL once it is empty and closed. */
static fd_job *cut_group(struct fd_writer *writer) {
    fd_job *jobs = writer->head;
    fd_job **end = &writer->head;
    for (size_t i = 0; i < GROUP_MAX && *end && (i == 0 || !(jobs->is_alone || (*end)->is_alone));
         i++)
        end = &(*end)->next;
    writer->head = *end;
    if (!writer->head)
        writer->tail = &writer->head;
    *end = NULL;
    return jobs;
}

/* Waits for the next duty; *ret_jobs: the jobs to run, NULL once the writer is closed. */
static enum duty next_duty(fd_engine *engine, fd_job **ret_jobs) {
    FD_LOCKED(&engine->writer->lock);
    enum duty duty = wait_for_duty(engine);
    fd_health_beat(engine, FD_HEALTH_WRITER);
    *ret_jobs = duty == RUN_JOBS ? cut_group(engine->writer) : NULL;
    return duty;
}

/* ---- catching up without a transaction ---- */

static void catch_up(fd_engine *engine) {
    unsigned long long asked = count_asked(engine->writer);
    int r = engine->writer->catch_up(engine, false);
    fd_replica_end_if_lost(engine, r);
    if (r > 0)
        fd_writer_call_hooks(engine);
    note_caught_up(engine->writer, asked, r < 0 ? r : 0);
}

int fd_writer_catch_up(fd_engine *engine) {
    struct fd_writer *writer = engine->writer;
    FD_LOCKED(&writer->lock);
    unsigned long long mine = ++writer->asked;
    (void)pthread_cond_signal(&writer->queue_filled);
    double deadline = fd_monotonic_seconds() + patience_seconds;
    while (writer->done < mine && !writer->closed && may_pass(engine, deadline))
        fd_condition_wait_for(&writer->is_done, &writer->lock, look_seconds);
    return writer->done < mine ? -EIO : writer->caught_up;
}

static void run_jobs(fd_engine *engine, fd_job *jobs) {
    double left;
    run_group(engine, jobs);
    if (wants_refresh(engine, &left) && left <= 0.0)
        refresh(engine);
    finish_jobs(jobs);
}

static void *write_loop(void *context) {
    fd_engine *engine = context;
    fd_thread_name("writer");
    for (;;) {
        fd_job *jobs;
        enum duty duty = next_duty(engine, &jobs);
        if (duty == PROBE) {
            probe(engine);
        } else if (duty == WRITE_BEHIND) {
            write_behind(engine);
        } else if (duty == REFRESH) {
            refresh(engine);
        } else if (duty == CATCH_UP) {
            catch_up(engine);
        } else if (jobs) {
            run_jobs(engine, jobs);
        } else {
            if (atomic_load(&engine->writer->behind_waits))
                write_behind(engine);
            return NULL;
        }
    }
}

static int queue_job(fd_engine *engine, fd_job *job) {
    struct fd_writer *writer = engine->writer;
    FD_LOCKED(&writer->lock);
    if (writer->closed)
        return -ESHUTDOWN;
    if (!writer->head)
        fd_health_wake(engine, FD_HEALTH_WRITER);
    *writer->tail = job;
    writer->tail = &job->next;
    (void)pthread_cond_signal(&writer->queue_filled);
    return 0;
}

int fd_writer_run(fd_engine *engine, fd_job *job) {
    job->next = NULL;
    (void)sem_init(&job->finished, 0, 0);
    int r = queue_job(engine, job);
    while (r == 0 && sem_wait(&job->finished) != 0)
        continue;
    (void)sem_destroy(&job->finished);
    return r < 0 ? r : job->result;
}

size_t fd_writer_queue_length(fd_engine *engine) {
    FD_LOCKED(&engine->writer->lock);
    size_t count = 0;
    for (const fd_job *job = engine->writer->head; job; job = job->next)
        count++;
    return count;
}

/* ---- the thread ---- */

int fd_writer_start(fd_engine *engine) {
    set_failure(engine, 0);
    return -pthread_create(&engine->writer->thread, NULL, write_loop, engine);
}

void fd_writer_stop(fd_engine *engine) {
    struct fd_writer *writer = engine->writer;
    {
        FD_LOCKED(&writer->lock);
        writer->closed = true;
        (void)pthread_cond_signal(&writer->queue_filled);
        (void)pthread_cond_broadcast(&writer->is_done);
    }
    (void)pthread_join(writer->thread, NULL);
}
