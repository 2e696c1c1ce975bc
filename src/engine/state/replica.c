/* What a replica does each second. */
#include "replica.h"

#include <errno.h>
#include <unistd.h>

#include "clock.h"
#include "engine_state.h"
#include "log.h"
#include "thread.h"

/* How long the right to train lasts unless it is kept, how often that is done, and how long a start
 * waits for the right of a process that was killed. */
static const double hold_seconds = 3.0, turn_seconds = 1.0, patience_seconds = 5.0,
                    try_seconds = 0.2;

struct fd_replica {
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool stop; /* guarded by lock */
    bool runs; /* the thread */
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

static void tell_others(fd_engine *engine) {
    fd_replica_row row = {0};
    {
        FD_READ_LOCKED(&engine->state_lock);
        row.serving = engine->snapshot ? engine->snapshot->served->row.version : 0;
    }
    row.prepared = row.serving;
    (void)!engine->store->replicas->replica_write(engine->store, &row); /* the next one may */
}

/* What this engine knows is not all that the store has, as soon as another one serves it. */
static void end_process(void) {
    fd_log(FD_LOG_ERROR, "replaced",
           FD_STR("meaning", "another fisherd serves the database, because this process stood still"
                             " for too long: it ends"));
    _exit(EXIT_FAILURE);
}

static bool wait_for_turn(struct fd_replica *replica, double seconds) {
    FD_LOCKED(&replica->lock);
    if (!replica->stop)
        fd_condition_wait_for(&replica->stopped, &replica->lock, seconds);
    return !replica->stop;
}

static void *take_turns(void *context) {
    fd_engine *engine = context;
    do {
        if (engine->store->replicas->hold_learning(engine->store, hold_seconds) == 0)
            end_process();
        tell_others(engine);
    } while (wait_for_turn(engine->replica, turn_seconds));
    return NULL;
}

static int take_right(fd_engine *engine, fd_fault *fault) {
    double deadline = fd_monotonic_seconds() + patience_seconds;
    int r;
    while ((r = engine->store->replicas->hold_learning(engine->store, hold_seconds)) == 0 &&
           fd_monotonic_seconds() < deadline)
        (void)wait_for_turn(engine->replica, try_seconds);
    return r != 0 ? r
                  : fd_fault_set(fault, -EBUSY, "",
                                 "another fisherd serves this database: one at a time may");
}

int fd_replica_start(fd_engine *engine, fd_fault *fault) {
    struct fd_replica *replica = engine->replica;
    if (!engine->store->replicas)
        return 0;
    int r = take_right(engine, fault);
    if (r < 0)
        return r;
    r = -pthread_create(&replica->thread, NULL, take_turns, engine);
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
