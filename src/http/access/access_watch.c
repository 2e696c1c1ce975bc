/* The thread that watches the shared files of access. */
#include "access_watch.h"

#include "clock.h"
#include "thread.h"

static bool wait_for_turn(fd_access_watch *watch) {
    double deadline = fd_monotonic_seconds() + watch->seconds;
    FD_LOCKED(&watch->lock);
    while (!watch->stops && fd_monotonic_seconds() < deadline)
        fd_condition_wait_until(&watch->stopped, &watch->lock, deadline);
    return !watch->stops;
}

static void *run(void *context) {
    fd_access_watch *watch = context;
    while (wait_for_turn(watch))
        watch->look(watch->context);
    return NULL;
}

int fd_access_watch_start(fd_access_watch *watch, double seconds, void (*look)(void *context),
                          void *context) {
    watch->seconds = seconds;
    watch->look = look;
    watch->context = context;
    (void)pthread_mutex_init(&watch->lock, NULL);
    fd_condition_init(&watch->stopped);
    int r = -pthread_create(&watch->thread, NULL, run, watch);
    if (r < 0) {
        (void)pthread_cond_destroy(&watch->stopped);
        (void)pthread_mutex_destroy(&watch->lock);
        return r;
    }
    watch->is_running = true;
    return 0;
}

void fd_access_watch_stop(fd_access_watch *watch) {
    if (!watch->is_running)
        return;
    {
        FD_LOCKED(&watch->lock);
        watch->stops = true;
        (void)pthread_cond_signal(&watch->stopped);
    }
    (void)pthread_join(watch->thread, NULL);
    (void)pthread_cond_destroy(&watch->stopped);
    (void)pthread_mutex_destroy(&watch->lock);
    watch->is_running = false;
}
