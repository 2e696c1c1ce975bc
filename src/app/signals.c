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

/* Blocking the signals and sigwait would not do: OpenBLAS has started a thread before main, which
 * does not block them. */
static sem_t told;
static atomic_bool is_to_end;
static atomic_bool is_to_reload;

static void on_ending_signal(int number) {
    if (atomic_exchange(&is_to_end, true)) {
        (void)signal(number, SIG_DFL);
        (void)raise(number);
    }
    (void)sem_post(&told);
}

static void on_reload_signal(int number) {
    (void)number;
    atomic_store(&is_to_reload, true);
    (void)sem_post(&told);
}

/* What was acknowledged is on disk, so that nothing is lost. */
static void on_alarm(int number) {
    static const char line[] = "fisherd: not everything ended within stop-seconds\n";
    (void)number;
    ssize_t written = write(STDERR_FILENO, line, sizeof(line) - 1);
    (void)written;
    _exit(EXIT_FAILURE);
}

void fd_signals_catch(bool reloads) {
    struct sigaction action = {.sa_handler = on_ending_signal, .sa_flags = SA_RESTART};
    (void)sem_init(&told, 0, 0);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    action.sa_handler = on_reload_signal;
    if (reloads)
        (void)sigaction(SIGHUP, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a disk that is full */
}

static void wait_until_told(double seconds) {
#ifdef __GLIBC__
    double deadline = fd_monotonic_seconds() + seconds;
#else /* as musl has it: a clock that is set meanwhile makes one wait longer or shorter */
    double deadline = (double)fd_wall_milliseconds() / 1e3 + seconds;
#endif
    struct timespec until = {.tv_sec = (time_t)deadline,
                             .tv_nsec = (long)((deadline - floor(deadline)) * 1e9)};
#ifdef __GLIBC__
    (void)sem_clockwait(&told, CLOCK_MONOTONIC, &until);
#else
    (void)sem_timedwait(&told, &until);
#endif
}

fd_told fd_signals_wait(double seconds) {
    wait_until_told(seconds);
    if (atomic_load(&is_to_end))
        return FD_TOLD_TO_END;
    return atomic_exchange(&is_to_reload, false) ? FD_TOLD_TO_RELOAD : FD_TOLD_NOTHING;
}

void fd_signals_end_within(double seconds) {
    struct itimerval timer = {
        .it_value = {.tv_sec = (time_t)seconds,
                     .tv_usec = (suseconds_t)((seconds - floor(seconds)) * 1e6)}};
    (void)signal(SIGALRM, on_alarm);
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}
