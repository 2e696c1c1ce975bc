/* The two clocks: a monotonic one for durations, and the wall clock. */
#ifndef FD_CLOCK_H
#define FD_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Seconds since an arbitrary moment. Setting the system's time does not change it. */
static inline double fd_monotonic_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Milliseconds since 1970 (UTC), for times that are stored or shown. */
static inline int64_t fd_wall_milliseconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
