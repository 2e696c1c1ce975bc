/* Follows the history that replicas share. */
#include "follower.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#include "engine_state.h"
#include "thread.h"
#include "writer.h"

/* How long it waits at a time, so that it ends soon. */
static const double look_seconds = 0.2;
enum { REST_NANOSECONDS = 200 * 1000 * 1000 };

struct fd_follower {
    atomic_bool stop;
    bool runs; /* the thread */
    pthread_t thread;
};

int fd_follower_new(fd_engine *engine) {
    engine->follower = calloc(1, sizeof(*engine->follower));
    return engine->follower ? 0 : -ENOMEM;
}

void fd_follower_free(fd_engine *engine) {
    free(engine->follower);
}

static void *follow(void *context) {
    fd_engine *engine = context;
    fd_thread_name("follower");
    const struct timespec rest = {.tv_nsec = REST_NANOSECONDS};
    while (!atomic_load(&engine->follower->stop))
        if (engine->store->replicas->wait_for_change(engine->store, look_seconds) > 0 &&
            fd_writer_catch_up(engine) < 0)
            (void)nanosleep(&rest, NULL); /* the store is out of reach */
    return NULL;
}

int fd_follower_start(fd_engine *engine) {
    if (!engine->store->replicas)
        return 0;
    int r = -pthread_create(&engine->follower->thread, NULL, follow, engine);
    engine->follower->runs = r == 0;
    return r;
}

void fd_follower_stop(fd_engine *engine) {
    if (!engine->follower->runs)
        return;
    atomic_store(&engine->follower->stop, true);
    (void)pthread_join(engine->follower->thread, NULL);
    engine->follower->runs = false;
}
