/*
 * The writer: one thread that makes every change. It takes all jobs that wait, stores them in one
 * transaction, so that many requests share one sync to the disk, and only after the commit changes
 * the memory and wakes those who asked.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "engine_private.h"
#include "log.h"

enum { GROUP_MAX = 256 };

/* Between two looks whether a store that failed can be written again. */
static const double probe_seconds = 1.0;

FD_DEFINE_CLEANUP(fi_model, fi_model_free)

/* ---- the next snapshot ---- */

/* More items would cost a start more time than an untrained model is worth. Where there are twice
 * as many, the first training looks at all. */
enum { UNTRAINED_ITEMS = 20000 };

/* A model that was never trained, its inputs standardised by the first of the items there are. */
static int untrained_snapshot(fd_engine *engine, fd_snapshot **ret) {
    const fd_engine_options *options = &engine->options;
    size_t dimension = engine->embeddings->width;
    fi_shape shape = {
        .inputs = (uint32_t)dimension,
        .components = options->components < dimension ? options->components : (uint32_t)dimension,
        .hidden_layers = options->kind == FI_KIND_NETWORK ? options->hidden_layers : 0,
        .hidden_width = options->hidden_width,
    };
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    int r = fi_model_new(&shape, options->seed, &model);
    if (r < 0)
        return r;
    size_t count =
        engine->pending.items < UNTRAINED_ITEMS ? engine->pending.items : UNTRAINED_ITEMS;
    r = fi_model_fit_inputs(model, count, engine->embeddings->data);
    if (r < 0)
        return r;
    /* Nothing is known of any pair: p is one half. */
    fi_layer beta = fi_model_layer(model, fi_model_shape(model)->hidden_layers);
    memset(beta.weights, 0, beta.inputs * sizeof(*beta.weights));

    fd_model_row row = {.items = count, .prior_precision = options->prior_precision};
    FD_CLEANUP(fd_served_model_freep) fd_served_model *served = NULL;
    r = fd_served_model_new(model, &row, &served);
    if (r < 0)
        return r;
    (void)FD_STEAL(model);
    return fd_snapshot_new(served, ret);
}

static bool is_outgrown(const fd_engine *engine, const fd_snapshot *base) {
    const fd_model_row *row = &base->served->row;
    return row->version == 0 && row->items < UNTRAINED_ITEMS &&
           engine->pending.items >= 2 * row->items;
}

/* NULL if the transaction leaves what is served as it is. */
static int prepare_snapshot(fd_engine *engine, fd_snapshot **ret) {
    const fd_pending *pending = &engine->pending;
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *fresh = NULL;
    const fd_snapshot *base = pending->base ? pending->base : engine->snapshot;

    *ret = NULL;
    if (pending->items == 0)
        return 0;
    if (!base || is_outgrown(engine, base)) {
        int r = untrained_snapshot(engine, &fresh);
        if (r < 0)
            return r;
        base = fresh;
        assert(base);
    }
    if (base == engine->snapshot && base->items == pending->items &&
        base->answers == pending->answers)
        return 0;
    return fd_snapshot_extend(base, engine->embeddings, pending->items, engine->answers.answers,
                              pending->answers, ret);
}

int fd_writer_rebuild(fd_engine *engine, fd_snapshot *base) {
    engine->pending =
        (fd_pending){.items = engine->items.count, .answers = engine->answers.count, .base = base};
    fd_snapshot *snapshot;
    int r = prepare_snapshot(engine, &snapshot);
    if (r < 0)
        return r;
    fd_snapshot_free(engine->snapshot);
    engine->snapshot = snapshot;
    return 0;
}

void fd_writer_measure(fd_engine *engine) {
    fd_metrics *metrics = engine->metrics;
    fd_metrics_set(metrics, FD_METRIC_ITEMS, NULL, NULL, (double)engine->items.count);
    for (size_t i = 0; i < FD_LENGTH(engine->answers.by_preference); i++)
        fd_metrics_set(metrics, FD_METRIC_LABELS, fd_preference_name((fd_preference)i), NULL,
                       (double)engine->answers.by_preference[i]);
    fd_metrics_set(metrics, FD_METRIC_STORE_LOG_BYTES, NULL, NULL,
                   (double)engine->store->operations->log_bytes(engine->store));
    fd_metrics_set(metrics, FD_METRIC_STORE_FAILED, NULL, NULL, engine->store_failure != 0);
    fd_metrics_set(metrics, FD_METRIC_MODELS_STORED, NULL, NULL, (double)engine->models_stored);
    if (!engine->snapshot)
        return;
    const fd_model_row *row = &engine->snapshot->served->row;
    fd_metrics_set(metrics, FD_METRIC_LOGDET, NULL, NULL,
                   fi_factor_logdet(engine->snapshot->design));
    fd_metrics_set(metrics, FD_METRIC_MODEL_VERSION, NULL, NULL, (double)row->version);
    if (row->version > 0) {
        fd_metrics_set(metrics, FD_METRIC_HELD_OUT_LOSS, NULL, NULL, row->held_out_loss);
        fd_metrics_set(metrics, FD_METRIC_HELD_OUT_ACCURACY, NULL, NULL, row->held_out_accuracy);
    }
}

/* ---- transactions ---- */

static bool is_refusal(int result) {
    return result == -EEXIST || result == -EINVAL || result == -ENOENT || result == -ECANCELED;
}

static int store_jobs(fd_engine *engine, fd_job *jobs, fd_snapshot **ret_snapshot) {
    engine->pending = (fd_pending){.items = engine->items.count, .answers = engine->answers.count};
    for (fd_job *job = jobs; job; job = job->next) {
        job->result = job->store(engine, job);
        if (job->result < 0 && !is_refusal(job->result))
            return job->result;
    }
    return prepare_snapshot(engine, ret_snapshot);
}

/* ---- failures ---- */

static void set_failure(fd_engine *engine, int failure) {
    (void)pthread_rwlock_wrlock(&engine->state_lock);
    engine->store_failure = failure;
    (void)pthread_rwlock_unlock(&engine->state_lock);
    fd_metrics_set(engine->metrics, FD_METRIC_STORE_FAILED, NULL, NULL, failure != 0);
}

/* Told once, however often it is tried until the store is well again. */
static void note_failure(fd_engine *engine, int failure) {
    if (engine->store_failure == 0) {
        engine->store_failed_since = fd_monotonic_seconds();
        fd_log(FD_LOG_ERROR, "store-failed", FD_STR("error", strerror(-failure)));
    }
    fd_metrics_add(engine->metrics, FD_METRIC_STORE_FAILURES, NULL, NULL, 1);
    set_failure(engine, failure);
}

static void note_success(fd_engine *engine) {
    if (engine->store_failure == 0)
        return;
    fd_log(FD_LOG_INFO, "store-recovered",
           FD_REAL("seconds", fd_monotonic_seconds() - engine->store_failed_since));
    set_failure(engine, 0);
}

/* Nobody need come with an answer to find out that there is room again. */
static void probe(fd_engine *engine) {
    int r = engine->store->operations->probe(engine->store);
    if (r < 0)
        set_failure(engine, r);
    else
        note_success(engine);
}

/* ---- groups ---- */

static void apply_jobs(fd_engine *engine, fd_job *jobs, fd_snapshot *snapshot) {
    fd_snapshot *old = NULL;
    (void)pthread_rwlock_wrlock(&engine->state_lock);
    for (fd_job *job = jobs; job; job = job->next)
        if (job->result == 0)
            job->apply(engine, job);
    if (snapshot) {
        old = engine->snapshot;
        engine->snapshot = snapshot;
    }
    (void)pthread_rwlock_unlock(&engine->state_lock);
    fd_snapshot_free(old);
}

/* Pairs are chosen anew for another model; new items only fill what is short. */
static void tell_refill(fd_engine *engine) {
    uint64_t version = engine->snapshot->served->row.version;
    bool rebuild = version != engine->offered_version;
    engine->offered_version = version;
    fd_refill_notify(engine, rebuild);
}

static int run_transaction(fd_engine *engine, fd_job *jobs) {
    const fd_store_operations *store = engine->store->operations;
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    double start = fd_monotonic_seconds();

    int r = store->begin(engine->store);
    if (r < 0)
        return r;
    r = store_jobs(engine, jobs, &snapshot);
    if (r == 0)
        r = store->commit(engine->store);
    if (r < 0) {
        store->rollback(engine->store);
        return r;
    }
    fd_metrics_observe(engine->metrics, FD_METRIC_COMMIT_SECONDS, NULL, NULL,
                       fd_monotonic_seconds() - start);

    apply_jobs(engine, jobs, FD_STEAL(snapshot));
    note_success(engine);
    fd_writer_measure(engine);
    fd_trainer_notify(engine, engine->answers.count);
    if (engine->snapshot) {
        tell_refill(engine);
        fd_refitter_notify(engine);
    }
    return 0;
}

static int run_alone(fd_engine *engine, fd_job *job) {
    int r = run_transaction(engine, job);
    if (r < 0) {
        note_failure(engine, r);
        job->result = r;
    }
    return r;
}

static void run_group(fd_engine *engine, fd_job *jobs) {
    if (jobs->next && run_transaction(engine, jobs) == 0)
        return;
    /* One job must not take the others down with it: each gets a transaction of its own. But where
     * the disk fails that too, the others would only wait longer for the same. */
    int r = 0;
    for (fd_job *job = jobs, *next; job; job = next) {
        next = job->next;
        job->next = NULL;
        if (r == -EIO)
            job->result = r;
        else
            r = run_alone(engine, job);
        job->next = next;
    }
}

/* ---- the queue ---- */

/* With the queue's lock. While the store fails, what would find that it is well again comes in
 * between. */
static void wait_for_jobs(fd_engine *engine) {
    while (!engine->queue_head && !engine->queue_closed) {
        fd_health_rest(engine, FD_HEALTH_WRITER);
        if (engine->store_failure == 0) {
            (void)pthread_cond_wait(&engine->queue_filled, &engine->queue_lock);
            continue;
        }
        fd_wait_for(&engine->queue_filled, &engine->queue_lock, probe_seconds);
        if (engine->queue_head || engine->queue_closed)
            return;
        (void)pthread_mutex_unlock(&engine->queue_lock);
        fd_health_beat(engine, FD_HEALTH_WRITER);
        probe(engine);
        (void)pthread_mutex_lock(&engine->queue_lock);
    }
}

static fd_job *take_jobs(fd_engine *engine) {
    (void)pthread_mutex_lock(&engine->queue_lock);
    wait_for_jobs(engine);
    fd_health_beat(engine, FD_HEALTH_WRITER);

    fd_job *jobs = engine->queue_head;
    fd_job **end = &engine->queue_head;
    for (size_t i = 0; i < GROUP_MAX && *end; i++)
        end = &(*end)->next;
    engine->queue_head = *end;
    if (!engine->queue_head)
        engine->queue_tail = &engine->queue_head;
    *end = NULL;
    (void)pthread_mutex_unlock(&engine->queue_lock);
    return jobs;
}

static void finish_jobs(fd_job *jobs) {
    for (fd_job *job = jobs, *next; job; job = next) {
        next = job->next; /* the job is gone once its thread wakes */
        (void)sem_post(&job->finished);
    }
}

static void *write_loop(void *context) {
    fd_engine *engine = context;
    for (;;) {
        fd_job *jobs = take_jobs(engine);
        if (!jobs)
            return NULL;
        run_group(engine, jobs);
        finish_jobs(jobs);
    }
}

int fd_writer_run(fd_engine *engine, fd_job *job) {
    job->next = NULL;
    (void)pthread_mutex_lock(&engine->queue_lock);
    if (engine->queue_closed) {
        (void)pthread_mutex_unlock(&engine->queue_lock);
        return -ESHUTDOWN;
    }
    (void)sem_init(&job->finished, 0, 0);
    if (!engine->queue_head && atomic_load(&engine->pulses[FD_HEALTH_WRITER].beat) == 0)
        fd_health_beat(engine, FD_HEALTH_WRITER);
    *engine->queue_tail = job;
    engine->queue_tail = &job->next;
    (void)pthread_cond_signal(&engine->queue_filled);
    (void)pthread_mutex_unlock(&engine->queue_lock);
    while (sem_wait(&job->finished) != 0)
        continue;
    (void)sem_destroy(&job->finished);
    return job->result;
}

int fd_writer_start(fd_engine *engine) {
    engine->queue_tail = &engine->queue_head;
    return -pthread_create(&engine->writer, NULL, write_loop, engine);
}

void fd_writer_stop(fd_engine *engine) {
    (void)pthread_mutex_lock(&engine->queue_lock);
    engine->queue_closed = true;
    (void)pthread_cond_signal(&engine->queue_filled);
    (void)pthread_mutex_unlock(&engine->queue_lock);
    (void)pthread_join(engine->writer, NULL);
}
