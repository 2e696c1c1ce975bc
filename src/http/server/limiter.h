/*
 * A limiter lets a number of requests of one kind work at once; more wait in the order in which
 * they came, up to the length of the queue. Each kind has a limiter of its own, so that no kind
 * waits for another.
 */
#ifndef FD_LIMITER_H
#define FD_LIMITER_H

#include <pthread.h>
#include <stdbool.h>

#include "macros.h"
#include "metrics.h"

typedef struct fd_limiter {
    const char *name;
    unsigned limit;       /* requests that work at once */
    unsigned queue_limit; /* requests that wait */
    fd_metrics *metrics;
    pthread_mutex_t lock;
    unsigned working; /* guarded by lock, as all below */
    unsigned waiting;
    struct fd_limiter_waiter *queue;
} fd_limiter;

/* `name` is static text that labels the metrics, which outlive the limiter. */
void fd_limiter_open(fd_limiter *limiter, const char *name, unsigned limit, unsigned queue_limit,
                     fd_metrics *metrics);
void fd_limiter_close(fd_limiter *limiter);

/* 0 once the request may work, until fd_limiter_leave; -EBUSY when the queue is full; -ECANCELED
 * when the client stopped waiting, as `is_awaited` says, which is asked from time to time. */
int fd_limiter_enter(fd_limiter *limiter, bool (*is_awaited)(void *context),
                     void *context) FD_MUST_CHECK;
void fd_limiter_leave(fd_limiter *limiter);

/* Requests that work now. */
unsigned fd_limiter_working(fd_limiter *limiter);

#endif
