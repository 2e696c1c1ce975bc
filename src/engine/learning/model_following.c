/* Notes the versions of others, and prepares the one that shall serve. */
#include "model_following.h"

#include <errno.h>

#include "engine_state.h"
#include "log.h"
#include "model_serving.h"
#include "model_versions.h"
#include "progress_record.h"
#include "thread.h"
#include "trainer_thread.h"

/* Between two tries to read a version. */
static const double rest_seconds = 0.5;

struct fd_model_following {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop;       /* guarded by lock, like the next */
    uint64_t wanted; /* the version to serve; 0: none, or it serves */
    bool runs;       /* the thread */
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
    (void)pthread_mutex_destroy(&following->lock);
    (void)pthread_cond_destroy(&following->changed);
    free(following);
}

void fd_model_following_note(fd_engine *engine, const fd_model_row *row) {
    struct fd_model_following *following = engine->model_following;
    fd_progress_record_add(engine, row);
    fd_model_serving_follow(engine, row);
    if (row->state != FD_MODEL_ACTIVE)
        return;
    FD_LOCKED(&following->lock);
    following->wanted = row->version;
    (void)pthread_cond_signal(&following->changed);
}

/* The version to serve; 0: the thread stops. */
static uint64_t wait_for_version(struct fd_model_following *following) {
    FD_LOCKED(&following->lock);
    while (!following->stop && following->wanted == 0)
        (void)pthread_cond_wait(&following->changed, &following->lock);
    return following->stop ? 0 : following->wanted;
}

static void settle(struct fd_model_following *following, uint64_t version, bool is_done) {
    FD_LOCKED(&following->lock);
    if (is_done && following->wanted == version)
        following->wanted = 0;
    else if (!following->stop && following->wanted == version)
        fd_condition_wait_for(&following->changed, &following->lock, rest_seconds);
}

static bool serves(fd_engine *engine, uint64_t version) {
    FD_READ_LOCKED(&engine->state_lock);
    return engine->snapshot && engine->snapshot->served->row.version == version;
}

/* Whether the version needs no other try. */
static bool follow(fd_engine *engine, uint64_t version) {
    fd_fault fault = {0};
    int64_t answers = 0;
    if (serves(engine, version))
        return true;
    int r = fd_engine_model_follow(engine, version, &answers, &fault);
    if (r == 0)
        fd_trainer_follow(engine, answers < 0 ? SIZE_MAX : (size_t)answers);
    bool is_final = r == -EEXIST || r == -ENOENT;
    if (is_final)
        fd_log(FD_LOG_ERROR, "model-not-followed", FD_INT("model_version", version),
               FD_STR("error", fault.detail));
    return r == 0 || r == -ECANCELED || is_final;
}

static void *follow_versions(void *context) {
    fd_engine *engine = context;
    fd_thread_name("model-follower");
    uint64_t version;
    while ((version = wait_for_version(engine->model_following)) > 0)
        settle(engine->model_following, version, follow(engine, version));
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
