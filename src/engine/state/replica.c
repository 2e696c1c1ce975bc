/* What a replica does each second. */
#include "replica.h"

#include <errno.h>
#include <unistd.h>

#include "clock.h"
#include "engine_state.h"
#include "log.h"
#include "thread.h"

/* How long the right to train lasts unless it is kept, and how often that is done. */
static const double hold_seconds = 3.0, turn_seconds = 1.0;

struct fd_replica {
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool stop; /* guarded by lock */
    atomic_bool is_learner;
    double held; /* monotonic seconds when it last was; the thread's own */
    bool runs;   /* the thread */
    pthread_t thread;
};

int fd_replica_new(fd_engine *engine) {
    struct fd_replica *replica = calloc(1, sizeof(*replica));
    if (!replica)
        return -ENOMEM;
    (void)pthread_mutex_init(&replica->lock, NULL);
    fd_condition_init(&replica->stopped);
    engine->replica = replica;
    return 0;
}

void fd_replica_free(fd_engine *engine) {
    struct fd_replica *replica = engine->replica;
    if (!replica)
        return;
    fd_replica_stop(engine);
    (void)pthread_mutex_destroy(&replica->lock);
    (void)pthread_cond_destroy(&replica->stopped);
    free(replica);
}

bool fd_replica_is_learner(fd_engine *engine) {
    return !engine->store->replicas || atomic_load(&engine->replica->is_learner);
}

/* One that cannot ask whether it still has the right loses it with its time. */
static void take_right_to_train(fd_engine *engine) {
    struct fd_replica *replica = engine->replica;
    double asked = fd_monotonic_seconds();
    int r = engine->store->replicas->hold_learning(engine->store, hold_seconds);
    if (r > 0)
        replica->held = asked;
    bool has = r > 0 || (r < 0 && asked < replica->held + hold_seconds);
    bool had = atomic_exchange(&replica->is_learner, has);
    if (had != has)
        fd_log(FD_LOG_INFO, "learner", FD_STR("trains", has ? "this" : "another replica"));
}

static void tell_others(fd_engine *engine) {
    fd_replica_row row = {0};
    {
        FD_READ_LOCKED(&engine->state_lock);
        row.serving = engine->snapshot ? engine->snapshot->served->row.version : 0;
    }
    row.prepared = row.serving;
    (void)!engine->store->replicas->replica_write(engine->store, &row); /* the next one may */
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

static bool wait_for_turn(struct fd_replica *replica, double seconds) {
    FD_LOCKED(&replica->lock);
    if (!replica->stop)
        fd_condition_wait_for(&replica->stopped, &replica->lock, seconds);
    return !replica->stop;
}

static void *take_turns(void *context) {
    fd_engine *engine = context;
    fd_thread_name("replica");
    do {
        take_right_to_train(engine);
        tell_others(engine);
    } while (wait_for_turn(engine->replica, turn_seconds));
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
        (void)pthread_cond_signal(&replica->stopped);
    }
    (void)pthread_join(replica->thread, NULL);
    replica->runs = false;
    engine->store->replicas->release_learning(engine->store);
}
