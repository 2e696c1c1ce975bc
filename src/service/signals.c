/* Signal handlers that wake the main thread. */
#include "signals.h"

#include <math.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

/* Blocking the signals and waiting with sigwait would not work: OpenBLAS starts a thread before
 * main, and that thread does not block them. */
static sem_t arrived;
static atomic_bool must_stop;
static atomic_bool must_reload;

static void on_stop_signal(int number) {
    if (atomic_exchange(&must_stop, true)) {
        (void)signal(number, SIG_DFL);
        (void)raise(number);
    }
    (void)sem_post(&arrived);
}

static void on_reload_signal(int number) {
    (void)number;
    atomic_store(&must_reload, true);
    (void)sem_post(&arrived);
}

/* Nothing is lost: what was acknowledged is on disk. */
static void on_alarm(int number) {
    static const char line[] = "fisherd: not everything ended within stop-seconds\n";
    (void)number;
    ssize_t written = write(STDERR_FILENO, line, sizeof(line) - 1);
    (void)written;
    _exit(EXIT_FAILURE);
}

void fd_signals_catch(bool reloads) {
    struct sigaction action = {.sa_handler = on_stop_signal, .sa_flags = SA_RESTART};
    (void)sem_init(&arrived, 0, 0);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    action.sa_handler = on_reload_signal;
    if (reloads)
        (void)sigaction(SIGHUP, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* the write then fails like on a full disk */
}

static void wait_for_signal(double seconds) {
#ifdef __GLIBC__
    double deadline = fd_monotonic_seconds() + seconds;
#else /* musl has no sem_clockwait: setting the clock makes one wait longer or shorter */
    double deadline = (double)fd_wall_milliseconds() / 1e3 + seconds;
#endif
    struct timespec until = {.tv_sec = (time_t)deadline,
                             .tv_nsec = (long)((deadline - floor(deadline)) * 1e9)};
#ifdef __GLIBC__
    (void)sem_clockwait(&arrived, CLOCK_MONOTONIC, &until);
#else
    (void)sem_timedwait(&arrived, &until);
#endif
}

fd_signal_request fd_signals_wait(double seconds) {
    wait_for_signal(seconds);
    if (atomic_load(&must_stop))
        return FD_SIGNAL_STOP;
    return atomic_exchange(&must_reload, false) ? FD_SIGNAL_RELOAD : FD_SIGNAL_NONE;
}

void fd_signals_end_within(double seconds) {
    struct itimerval timer = {
        .it_value = {.tv_sec = (time_t)seconds,
                     .tv_usec = (suseconds_t)((seconds - floor(seconds)) * 1e6)}};
    (void)signal(SIGALRM, on_alarm);
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}
