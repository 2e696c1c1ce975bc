/* A thread that looks at something several times a second, so that no request waits for it. */
#ifndef FD_ACCESS_WATCH_H
#define FD_ACCESS_WATCH_H

#include <pthread.h>
#include <stdbool.h>

#include "macros.h"

/* Starts as all zero. */
typedef struct fd_access_watch {
    bool is_running;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool stops; /* guarded by lock */
    double seconds;
    void (*look)(void *context);
    void *context;
} fd_access_watch;

/* Calls `look` every so many seconds, by a thread of its own. -errno. */
int fd_access_watch_start(fd_access_watch *watch, double seconds, void (*look)(void *context),
                          void *context) FD_MUST_CHECK;

/* Waits for the thread's end. Does nothing to what does not run. */
void fd_access_watch_stop(fd_access_watch *watch);

#endif
