/* Names of threads, and conditions whose timed waits use the monotonic clock. */
#include "thread.h"

#include <math.h>
#include <time.h>

#include "clock.h"

void fd_thread_name(const char *name) {
    (void)pthread_setname_np(pthread_self(), name);
}

void fd_condition_init(pthread_cond_t *condition) {
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(condition, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

void fd_condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, double deadline) {
    double whole = floor(deadline);
    struct timespec until = {.tv_sec = (time_t)whole, .tv_nsec = (long)((deadline - whole) * 1e9)};
    (void)pthread_cond_timedwait(condition, mutex, &until);
}

void fd_condition_wait_for(pthread_cond_t *condition, pthread_mutex_t *mutex, double seconds) {
    fd_condition_wait_until(condition, mutex, fd_monotonic_seconds() + seconds);
}
