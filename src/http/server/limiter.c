#include "limiter.h"

#include <errno.h>
#include <time.h>
#include <utlist.h>

/* On the stack of the thread that waits, linked while it does. */
struct fd_limiter_waiter {
    pthread_cond_t called;
    bool has_place;
    struct fd_limiter_waiter *prev, *next;
};

void fd_limiter_open(fd_limiter *gate, const char *name, unsigned places, unsigned room,
                     fd_metrics *metrics) {
    *gate = (fd_limiter){.name = name, .places = places, .room = room, .metrics = metrics};
    (void)pthread_mutex_init(&gate->lock, NULL);
}

void fd_limiter_close(fd_limiter *gate) {
    (void)pthread_mutex_destroy(&gate->lock);
}

static void show(const fd_limiter *gate) {
    fd_metrics_set(gate->metrics, FD_METRIC_LIMITER_WORKING, gate->name, NULL, gate->working);
    fd_metrics_set(gate->metrics, FD_METRIC_LIMITER_WAITING, gate->name, NULL, gate->waiting);
}

static void leave_queue(fd_limiter *gate, struct fd_limiter_waiter *waiter) {
    DL_DELETE(gate->queue, waiter);
    gate->waiting--;
}

static void wait_a_while(fd_limiter *gate, struct fd_limiter_waiter *waiter) {
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += FD_LIMITER_POLL_MILLISECONDS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    (void)pthread_cond_timedwait(&waiter->called, &gate->lock, &until);
}

/* With the lock held, which it gives up while it looks after the client. */
static int wait_for_place(fd_limiter *gate, bool (*is_awaited)(void *), void *context) {
    struct fd_limiter_waiter waiter = {0};
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&waiter.called, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);

    DL_APPEND(gate->queue, &waiter);
    gate->waiting++;
    show(gate);
    bool awaited = true;
    while (!waiter.has_place && awaited) {
        wait_a_while(gate, &waiter);
        if (waiter.has_place)
            break;
        (void)pthread_mutex_unlock(&gate->lock);
        awaited = is_awaited(context);
        (void)pthread_mutex_lock(&gate->lock);
    }
    if (!waiter.has_place) {
        leave_queue(gate, &waiter);
        show(gate);
    }
    (void)pthread_cond_destroy(&waiter.called);
    return waiter.has_place ? 0 : -ECANCELED;
}

int fd_limiter_enter(fd_limiter *gate, bool (*is_awaited)(void *), void *context) {
    int r = 0;
    (void)pthread_mutex_lock(&gate->lock);
    if (gate->working < gate->places) {
        gate->working++;
        show(gate);
    } else if (gate->waiting < gate->room) {
        r = wait_for_place(gate, is_awaited, context);
    } else {
        r = -EBUSY;
    }
    (void)pthread_mutex_unlock(&gate->lock);
    return r;
}

/* The place goes to who waits longest, so that nobody comes in between. */
void fd_limiter_leave(fd_limiter *gate) {
    (void)pthread_mutex_lock(&gate->lock);
    struct fd_limiter_waiter *next = gate->queue;
    if (next) {
        leave_queue(gate, next);
        next->has_place = true;
        (void)pthread_cond_signal(&next->called);
    } else {
        gate->working--;
    }
    show(gate);
    (void)pthread_mutex_unlock(&gate->lock);
}
