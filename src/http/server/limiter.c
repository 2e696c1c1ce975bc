/* Lets a number of requests work at once, and the others wait their turn. */
#include "limiter.h"

#include <errno.h>
#include <utlist.h>

#include "thread.h"

/* How often a waiting request asks whether its client still waits, in seconds. */
static const double ask_seconds = 0.1;

/* On the stack of the thread that waits, and linked while it does. */
struct fd_limiter_waiter {
    pthread_cond_t admitted;
    bool is_admitted;
    struct fd_limiter_waiter *prev, *next;
};

void fd_limiter_open(fd_limiter *limiter, const char *name, unsigned limit, unsigned queue_limit,
                     fd_metrics *metrics) {
    *limiter =
        (fd_limiter){.name = name, .limit = limit, .queue_limit = queue_limit, .metrics = metrics};
    (void)pthread_mutex_init(&limiter->lock, NULL);
}

void fd_limiter_close(fd_limiter *limiter) {
    (void)pthread_mutex_destroy(&limiter->lock);
}

static void publish(const fd_limiter *limiter) {
    fd_metrics *metrics = limiter->metrics;
    fd_metrics_set(metrics, FD_METRIC_LIMITER_WORKING, limiter->name, NULL, limiter->working);
    fd_metrics_set(metrics, FD_METRIC_LIMITER_WAITING, limiter->name, NULL, limiter->waiting);
}

static void leave_queue(fd_limiter *limiter, struct fd_limiter_waiter *waiter) {
    DL_DELETE(limiter->queue, waiter);
    limiter->waiting--;
}

/* With the lock held, which it releases while it asks about the client. */
static int wait_in_queue(fd_limiter *limiter, bool (*is_awaited)(void *), void *context) {
    struct fd_limiter_waiter waiter = {0};
    fd_condition_init(&waiter.admitted);
    DL_APPEND(limiter->queue, &waiter);
    limiter->waiting++;
    publish(limiter);
    bool awaited = true;
    while (!waiter.is_admitted && awaited) {
        fd_condition_wait_for(&waiter.admitted, &limiter->lock, ask_seconds);
        if (waiter.is_admitted)
            break;
        (void)pthread_mutex_unlock(&limiter->lock);
        awaited = is_awaited(context);
        (void)pthread_mutex_lock(&limiter->lock);
    }
    if (!waiter.is_admitted) {
        leave_queue(limiter, &waiter);
        publish(limiter);
    }
    (void)pthread_cond_destroy(&waiter.admitted);
    return waiter.is_admitted ? 0 : -ECANCELED;
}

int fd_limiter_enter(fd_limiter *limiter, bool (*is_awaited)(void *), void *context) {
    FD_LOCKED(&limiter->lock);
    if (limiter->working >= limiter->limit)
        return limiter->waiting < limiter->queue_limit ? wait_in_queue(limiter, is_awaited, context)
                                                       : -EBUSY;
    limiter->working++;
    publish(limiter);
    return 0;
}

/* The longest waiter takes over, before any new request can. */
void fd_limiter_leave(fd_limiter *limiter) {
    FD_LOCKED(&limiter->lock);
    struct fd_limiter_waiter *next = limiter->queue;
    if (next) {
        leave_queue(limiter, next);
        next->is_admitted = true;
        (void)pthread_cond_signal(&next->admitted);
    } else {
        limiter->working--;
    }
    publish(limiter);
}

unsigned fd_limiter_working(fd_limiter *limiter) {
    FD_LOCKED(&limiter->lock);
    return limiter->working;
}
