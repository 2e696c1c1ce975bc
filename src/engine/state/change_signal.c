/* A count under a lock, and the condition that it has changed. */
#include "change_signal.h"

#include <errno.h>
#include <stdlib.h>

#include "engine_state.h"
#include "thread.h"

struct fd_change_signal {
    pthread_mutex_t lock;
    pthread_cond_t raised;
    uint64_t count; /* guarded by lock */
};

int fd_change_signal_new(fd_engine *engine) {
    struct fd_change_signal *signal = calloc(1, sizeof(*signal));
    if (!signal)
        return -ENOMEM;
    (void)pthread_mutex_init(&signal->lock, NULL);
    fd_condition_init(&signal->raised);
    engine->change_signal = signal;
    return 0;
}

void fd_change_signal_free(fd_engine *engine) {
    struct fd_change_signal *signal = engine->change_signal;
    if (!signal)
        return;
    (void)pthread_cond_destroy(&signal->raised);
    (void)pthread_mutex_destroy(&signal->lock);
    free(signal);
}

void fd_change_signal_raise(fd_engine *engine) {
    struct fd_change_signal *signal = engine->change_signal;
    FD_LOCKED(&signal->lock);
    signal->count++;
    (void)pthread_cond_broadcast(&signal->raised);
}

uint64_t fd_change_signal_count(fd_engine *engine) {
    FD_LOCKED(&engine->change_signal->lock);
    return engine->change_signal->count;
}

void fd_change_signal_wait(fd_engine *engine, uint64_t count, double seconds) {
    struct fd_change_signal *signal = engine->change_signal;
    FD_LOCKED(&signal->lock);
    if (signal->count == count)
        fd_condition_wait_for(&signal->raised, &signal->lock, seconds);
}
