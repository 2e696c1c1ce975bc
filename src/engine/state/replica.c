/* What a replica does each second, and what it tells of itself. */
#include "replica.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "engine_state.h"
#include "log.h"
#include "thread.h"

/* How long the right to train lasts unless it is kept, and how often that is done. A replica whose
 * row is older than the right lasts does not count. */
static const double hold_seconds = 3.0, turn_seconds = 1.0;

/* A replica that is silent, or behind, for longer is not ready. */
static const double silence_most = 5.0, lag_most = 3.0;

/* How long a version waits for replicas that prepare it, and how often it looks. */
static const double prepare_seconds = 10.0;
enum { LOOK_NANOSECONDS = 20 * 1000 * 1000 };

struct fd_replica {
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool stop; /* guarded by lock, like all down to the thread */
    bool is_woken;
    uint64_t prepared;
    char learner[FD_REPLICA_ID_SIZE];
    size_t count;     /* of replicas that were seen lately */
    double answered;  /* monotonic seconds; when the store last did */
    double caught_up; /* the same; when all was applied that was known a turn before */
    uint64_t newest;  /* tick, at the last turn */
    bool runs;        /* the thread */
    atomic_bool is_learner;
    double held; /* monotonic seconds when it last was; the thread's own */
    pthread_t thread;
};

int fd_replica_new(fd_engine *engine) {
    struct fd_replica *replica = calloc(1, sizeof(*replica));
    if (!replica)
        return -ENOMEM;
    (void)pthread_mutex_init(&replica->lock, NULL);
    fd_condition_init(&replica->woken);
    replica->answered = replica->caught_up = fd_monotonic_seconds();
    engine->replica = replica;
    return 0;
}

void fd_replica_free(fd_engine *engine) {
    struct fd_replica *replica = engine->replica;
    if (!replica)
        return;
    fd_replica_stop(engine);
    (void)pthread_mutex_destroy(&replica->lock);
    (void)pthread_cond_destroy(&replica->woken);
    free(replica);
}

bool fd_replica_is_learner(fd_engine *engine) {
    return !engine->store->replicas || atomic_load(&engine->replica->is_learner);
}

/* ---- a turn ---- */

static void note_answer(struct fd_replica *replica, int result, double asked) {
    FD_LOCKED(&replica->lock);
    if (result >= 0)
        replica->answered = asked;
}

/* One that cannot ask whether it still has the right loses it with its time. */
static void take_right_to_train(fd_engine *engine) {
    struct fd_replica *replica = engine->replica;
    double asked = fd_monotonic_seconds();
    int r = engine->store->replicas->hold_learning(engine->store, hold_seconds);
    if (r > 0)
        replica->held = asked;
    note_answer(replica, r, asked);
    bool has = r > 0 || (r < 0 && asked < replica->held + hold_seconds);
    bool had = atomic_exchange(&replica->is_learner, has);
    if (had != has)
        fd_log(FD_LOG_INFO, "learner", FD_STR("trains", has ? "this" : "another replica"));
}

static uint64_t read_serving(fd_engine *engine) {
    FD_READ_LOCKED(&engine->state_lock);
    return engine->snapshot ? engine->snapshot->served->row.version : 0;
}

static uint64_t read_prepared(struct fd_replica *replica) {
    FD_LOCKED(&replica->lock);
    return replica->prepared;
}

static void tell_others(fd_engine *engine) {
    fd_replica_row row = {.serving = read_serving(engine)};
    row.prepared = read_prepared(engine->replica);
    if (row.prepared == 0)
        row.prepared = row.serving;
    (void)!engine->store->replicas->replica_write(engine->store, &row); /* the next one may */
}

struct others {
    size_t count;
    char learner[FD_REPLICA_ID_SIZE];
};

static int note_other(void *context, const fd_replica_row *row) {
    struct others *others = context;
    others->count++;
    if (row->is_learner)
        (void)snprintf(others->learner, sizeof(others->learner), "%s", row->id);
    return 0;
}

static void look_at_others(fd_engine *engine) {
    struct fd_replica *replica = engine->replica;
    struct others others = {0};
    const fd_replica_operations *operations = engine->store->replicas;
    if (operations->replicas_read(engine->store, hold_seconds, note_other, &others) < 0)
        return;
    FD_LOCKED(&replica->lock);
    replica->count = others.count;
    memcpy(replica->learner, others.learner, sizeof(replica->learner));
}

/* What was there a turn ago must be applied by now. */
static void look_at_position(fd_engine *engine) {
    struct fd_replica *replica = engine->replica;
    const char *id;
    uint64_t tick, newest;
    engine->store->replicas->position(engine->store, &id, &tick, &newest);
    FD_LOCKED(&replica->lock);
    if (tick >= replica->newest)
        replica->caught_up = fd_monotonic_seconds();
    replica->newest = newest;
}

static void tell_metrics(fd_engine *engine) {
    fd_replica_status status;
    if (!fd_replica_read_status(engine, &status))
        return;
    fd_metrics *metrics = engine->metrics;
    fd_metrics_set(metrics, FD_METRIC_REPLICAS, NULL, NULL, (double)status.replicas);
    fd_metrics_set(metrics, FD_METRIC_REPLICA_TRAINS, NULL, NULL, status.trains);
    fd_metrics_set(metrics, FD_METRIC_REPLICA_TICK, NULL, NULL, (double)status.tick);
    fd_metrics_set(metrics, FD_METRIC_REPLICA_LAG, NULL, NULL,
                   (double)(status.newest - status.tick));
    fd_metrics_set(metrics, FD_METRIC_REPLICA_LAG_SECONDS, NULL, NULL, status.lag_seconds);
    fd_metrics_set(metrics, FD_METRIC_REPLICA_PREPARED, NULL, NULL, (double)status.prepared);
    fd_metrics_set(metrics, FD_METRIC_REPLICA_CONTACT_TIME, NULL, NULL,
                   (double)fd_wall_milliseconds() / 1e3 - status.silence);
}

void fd_replica_end_process(const char *meaning) {
    fd_log(FD_LOG_ERROR, "replica-ends", FD_STR("meaning", meaning));
    _exit(EXIT_FAILURE);
}

void fd_replica_end_if_lost(const fd_engine *engine, int failure) {
    if (engine->store->replicas &&
        (failure == -ESTALE || failure == -EPROTONOSUPPORT || failure == -EBADMSG))
        fd_replica_end_process("the database no longer has what this process knows, or has a newer "
                               "schema: started again, it reads what is there");
}

/* ---- what others see ---- */

bool fd_replica_read_status(fd_engine *engine, fd_replica_status *ret) {
    struct fd_replica *replica = engine->replica;
    const char *id;
    if (!engine->store->replicas)
        return false;
    *ret = (fd_replica_status){.serving = read_serving(engine),
                               .trains = fd_replica_is_learner(engine)};
    engine->store->replicas->position(engine->store, &id, &ret->tick, &ret->newest);
    (void)snprintf(ret->id, sizeof(ret->id), "%s", id);
    double now = fd_monotonic_seconds();
    FD_LOCKED(&replica->lock);
    memcpy(ret->learner, replica->learner, sizeof(ret->learner));
    ret->replicas = replica->count;
    ret->silence = now - replica->answered;
    ret->lag_seconds = ret->tick < replica->newest ? now - replica->caught_up : 0.0;
    ret->prepared = replica->prepared > 0 ? replica->prepared : ret->serving;
    return true;
}

int fd_replica_ready(fd_engine *engine, char *reason, size_t size) {
    fd_replica_status status;
    if (!fd_replica_read_status(engine, &status))
        return 0;
    if (status.silence > silence_most)
        (void)snprintf(reason, size, "the database has not answered for %.0f seconds",
                       status.silence);
    else if (status.lag_seconds > lag_most)
        (void)snprintf(reason, size, "this replica has been behind the others for %.0f seconds",
                       status.lag_seconds);
    else
        return 0;
    return -EAGAIN;
}

/* ---- versions that all prepare ---- */

void fd_replica_set_prepared(fd_engine *engine, uint64_t version) {
    struct fd_replica *replica = engine->replica;
    FD_LOCKED(&replica->lock);
    replica->prepared = version;
    replica->is_woken = true;
    (void)pthread_cond_signal(&replica->woken);
}

struct agreement {
    uint64_t version;
    size_t prepared, missing;
};

static int note_prepared(void *context, const fd_replica_row *row) {
    struct agreement *agreement = context;
    bool is = row->prepared == agreement->version || row->serving == agreement->version;
    *(is ? &agreement->prepared : &agreement->missing) += 1;
    return 0;
}

void fd_replica_wait_prepared(fd_engine *engine, uint64_t version) {
    const struct timespec rest = {.tv_nsec = LOOK_NANOSECONDS};
    const fd_replica_operations *operations = engine->store->replicas;
    double deadline = fd_monotonic_seconds() + prepare_seconds;
    struct agreement agreement = {.version = version};
    fd_replica_set_prepared(engine, version);
    while (fd_monotonic_seconds() < deadline && !atomic_load(&engine->closing)) {
        agreement.prepared = agreement.missing = 0;
        int r = operations->replicas_read(engine->store, hold_seconds, note_prepared, &agreement);
        if (r == 0 && agreement.prepared > 0 && agreement.missing == 0)
            return;
        (void)nanosleep(&rest, NULL);
    }
    fd_log(FD_LOG_WARNING, "replicas-not-prepared", FD_INT("model_version", version),
           FD_INT("replicas", agreement.missing),
           FD_STR("meaning", "they serve the version before until they have read this one"));
}

/* ---- the thread ---- */

static bool wait_for_turn(struct fd_replica *replica) {
    double until = fd_monotonic_seconds() + turn_seconds;
    FD_LOCKED(&replica->lock);
    while (!replica->stop && !replica->is_woken && fd_monotonic_seconds() < until)
        fd_condition_wait_until(&replica->woken, &replica->lock, until);
    replica->is_woken = false;
    return !replica->stop;
}

static void *take_turns(void *context) {
    fd_engine *engine = context;
    fd_thread_name("replica");
    do {
        take_right_to_train(engine);
        tell_others(engine);
        look_at_others(engine);
        look_at_position(engine);
        tell_metrics(engine);
    } while (wait_for_turn(engine->replica));
    return NULL;
}

int fd_replica_start(fd_engine *engine) {
    struct fd_replica *replica = engine->replica;
    if (!engine->store->replicas)
        return 0;
    int r = -pthread_create(&replica->thread, NULL, take_turns, engine);
    replica->runs = r == 0;
    return r;
}

void fd_replica_stop(fd_engine *engine) {
    struct fd_replica *replica = engine->replica;
    if (!replica->runs)
        return;
    {
        FD_LOCKED(&replica->lock);
        replica->stop = true;
        (void)pthread_cond_signal(&replica->woken);
    }
    (void)pthread_join(replica->thread, NULL);
    replica->runs = false;
    engine->store->replicas->release_learning(engine->store);
}
