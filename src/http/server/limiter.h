/*
 * A gate lets only so many requests work at once; the others wait in the order in which they came.
 * Each of gates.def has its own, so that no kind of work waits for another kind; what goes through
 * none (answers to pairs, leases, health) waits for nothing but the processor.
 */
#ifndef FD_LIMITER_H
#define FD_LIMITER_H

#include <pthread.h>
#include <stdbool.h>

#include "macros.h"
#include "metrics.h"

/* How long a request may have to wait before its client is looked after again. */
enum { FD_LIMITER_POLL_MILLISECONDS = 100 };

typedef struct fd_limiter {
    const char *name;
    unsigned places; /* of those that work */
    unsigned room;   /* for those that wait */
    fd_metrics *metrics;
    pthread_mutex_t lock;
    unsigned working; /* guarded by lock, as is all below */
    unsigned waiting;
    struct fd_limiter_waiter *queue;
} fd_limiter;

/* `name` is static text; it labels the metrics, which outlive the gate. */
void fd_limiter_open(fd_limiter *gate, const char *name, unsigned places, unsigned room,
                     fd_metrics *metrics);
void fd_limiter_close(fd_limiter *gate);

/* 0 once there is a place, to be given back by fd_limiter_leave; -EBUSY when the queue is full,
 * -ECANCELED when nobody awaits the answer any more. */
int fd_limiter_enter(fd_limiter *gate, bool (*is_awaited)(void *context),
                     void *context) FD_MUST_CHECK;
void fd_limiter_leave(fd_limiter *gate);

#endif
