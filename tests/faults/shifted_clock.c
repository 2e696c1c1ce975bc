/* A library to preload. It shifts the wall clock of the program by SHIM_SECONDS; the monotonic
 * clocks stay as they are. */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static time_t shift;

__attribute__((constructor)) static void start(void) {
    const char *seconds = getenv("SHIM_SECONDS");
    shift = seconds ? (time_t)strtol(seconds, NULL, 10) : 0;
}

typedef int clock_function(clockid_t id, struct timespec *ret);

int clock_gettime(clockid_t id, struct timespec *ret) {
    static clock_function *next;
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "clock_gettime");
    int r = next(id, ret);
    if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        ret->tv_sec += shift;
    return r;
}

time_t time(time_t *ret) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone) {
    struct timespec now;
    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = (suseconds_t)(now.tv_nsec / 1000)};
    return 0;
}
