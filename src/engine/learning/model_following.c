/* Notes the versions of others, and prepares the one that shall serve. */
#include "model_following.h"

#include <errno.h>
#include <stdio.h>

#include "clock.h"
#include "engine_state.h"
#include "log.h"
#include "model_serving.h"
#include "model_versions.h"
#include "progress_record.h"
#include "replica.h"
#include "thread.h"
#include "trainer_thread.h"

/* Between two tries to read a version. */
static const double rest_seconds = 0.5;

/* A replica that serves an older version for longer is not ready. */
static const double behind_most = 1.0;

struct fd_model_following {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop;                  /* guarded by lock, like the next three */
    uint64_t active;            /* the version to serve; 0: none, or it serves */
    uint64_t announced;         /* the version to prepare; 0: none, or it is prepared */
    double active_since;        /* monotonic seconds */
    fd_prepared_model prepared; /* the thread's own */
    bool runs;                  /* the thread */
    pthread_t thread;
};

int fd_model_following_new(fd_engine *engine) {
    struct fd_model_following *following = calloc(1, sizeof(*following));
    if (!following)
        return -ENOMEM;
    (void)pthread_mutex_init(&following->lock, NULL);
    fd_condition_init(&following->changed);
    engine->model_following = following;
    return 0;
}

void fd_model_following_free(fd_engine *engine) {
    struct fd_model_following *following = engine->model_following;
    if (!following)
        return;
    fd_prepared_model_clear(&following->prepared);
    (void)pthread_mutex_destroy(&following->lock);
    (void)pthread_cond_destroy(&following->changed);
    free(following);
}

/* Of the changes of one transaction that activates a version, the others are no announcements: one
 * of them is that the version before serves no more. */
static void note_announcement(fd_engine *engine, const fd_model_row *row) {
    struct fd_model_following *following = engine->model_following;
    const fd_snapshot *serving = engine->snapshot; /* the writer alone changes it */
    if (row->is_foreign || (serving && serving->served->row.version == row->version))
        return;
    FD_LOCKED(&following->lock);
    if (following->active != 0)
        return;
    following->announced = row->version;
    (void)pthread_cond_signal(&following->changed);
}

static void note_activation(fd_engine *engine, uint64_t version) {
    struct fd_model_following *following = engine->model_following;
    FD_LOCKED(&following->lock);
    following->active = version;
    following->active_since = fd_monotonic_seconds();
    following->announced = 0;
    (void)pthread_cond_signal(&following->changed);
}

void fd_model_following_note(fd_engine *engine, const fd_model_row *row) {
    fd_progress_record_add(engine, row);
    fd_model_serving_follow(engine, row);
    if (row->state == FD_MODEL_ACTIVE)
        note_activation(engine, row->version);
    else if (row->state == FD_MODEL_STORED)
        note_announcement(engine, row);
}

int fd_model_following_ready(fd_engine *engine, char *reason, size_t size) {
    struct fd_model_following *following = engine->model_following;
    FD_LOCKED(&following->lock);
    double seconds = fd_monotonic_seconds() - following->active_since;
    if (following->active == 0 || seconds < behind_most)
        return 0;
    (void)snprintf(reason, size, "this replica has not served version %llu yet for %.0f seconds",
                   (unsigned long long)following->active, seconds);
    return -EAGAIN;
}

/* ---- the thread ---- */

struct duty {
    uint64_t version; /* 0: the thread stops */
    bool is_active;   /* to be served, not only prepared */
};

static struct duty wait_for_duty(struct fd_model_following *following) {
    FD_LOCKED(&following->lock);
    while (!following->stop && following->active == 0 && following->announced == 0)
        (void)pthread_cond_wait(&following->changed, &following->lock);
    if (following->stop)
        return (struct duty){0};
    return following->active != 0 ? (struct duty){following->active, true}
                                  : (struct duty){following->announced, false};
}

static void settle(struct fd_model_following *following, const struct duty *duty, bool is_done) {
    FD_LOCKED(&following->lock);
    uint64_t *version = duty->is_active ? &following->active : &following->announced;
    if (is_done && *version == duty->version)
        *version = 0;
    else if (!following->stop && *version == duty->version)
        fd_condition_wait_for(&following->changed, &following->lock, rest_seconds);
}

static bool serves(fd_engine *engine, uint64_t version) {
    FD_READ_LOCKED(&engine->state_lock);
    return engine->snapshot && engine->snapshot->served->row.version == version;
}

static int prepare(fd_engine *engine, uint64_t version, fd_fault *fault) {
    fd_prepared_model *prepared = &engine->model_following->prepared;
    if (prepared->snapshot && prepared->row.version == version)
        return 0;
    fd_prepared_model_clear(prepared);
    int r = fd_engine_model_prepare(engine, version, prepared, fault);
    if (r < 0)
        fd_prepared_model_clear(prepared);
    return r;
}

/* What cannot be prepared is tried again once it is active. */
static void prepare_announced(fd_engine *engine, uint64_t version) {
    fd_fault fault = {0};
    if (prepare(engine, version, &fault) == 0)
        fd_replica_set_prepared(engine, version);
}

/* Whether the version needs no other try. */
static bool follow(fd_engine *engine, uint64_t version) {
    fd_prepared_model *prepared = &engine->model_following->prepared;
    fd_fault fault = {0};
    if (serves(engine, version))
        return true;
    int r = prepare(engine, version, &fault);
    if (r == 0)
        r = fd_engine_model_follow(engine, prepared);
    if (r == 0)
        fd_trainer_follow(engine,
                          prepared->row.answers < 0 ? SIZE_MAX : (size_t)prepared->row.answers);
    fd_prepared_model_clear(prepared); /* the vectors may be others by now */
    bool is_final = r == -EEXIST || r == -ENOENT;
    if (is_final)
        fd_log(FD_LOG_ERROR, "model-not-followed", FD_INT("model_version", version),
               FD_STR("error", fault.detail));
    return r == 0 || r == -ECANCELED || is_final;
}

static void *follow_versions(void *context) {
    fd_engine *engine = context;
    fd_thread_name("model-follower");
    struct duty duty;
    while ((duty = wait_for_duty(engine->model_following)).version > 0) {
        bool is_done = true;
        if (duty.is_active)
            is_done = follow(engine, duty.version);
        else
            prepare_announced(engine, duty.version);
        settle(engine->model_following, &duty, is_done);
    }
    return NULL;
}

int fd_model_following_start(fd_engine *engine) {
    if (!engine->store->replicas)
        return 0;
    int r = -pthread_create(&engine->model_following->thread, NULL, follow_versions, engine);
    engine->model_following->runs = r == 0;
    return r;
}

void fd_model_following_stop(fd_engine *engine) {
    struct fd_model_following *following = engine->model_following;
    if (!following->runs)
        return;
    {
        FD_LOCKED(&following->lock);
        following->stop = true;
        (void)pthread_cond_signal(&following->changed);
    }
    (void)pthread_join(following->thread, NULL);
    following->runs = false;
}
