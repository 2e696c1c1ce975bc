/* Messages to systemd, over sd_notify. */
#include "service_manager.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>
#include <time.h>

bool fd_service_manager_is_built_in(void) {
    return true;
}

/* The results are ignored: the daemon runs as well without a service manager. */

void fd_service_manager_notify_ready(const char *status) {
    (void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void fd_service_manager_notify_status(const char *status) {
    (void)sd_notifyf(0, "STATUS=%s", status);
}

void fd_service_manager_notify_starting(double seconds, const char *status) {
    (void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRIu64 "\nSTATUS=%s", (uint64_t)(seconds * 1e6),
                     status);
}

void fd_service_manager_notify_reloading(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                     (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

void fd_service_manager_notify_stopping(void) {
    (void)sd_notify(0, "STOPPING=1\nSTATUS=stopping");
}

double fd_service_manager_watchdog_seconds(void) {
    uint64_t microseconds;
    return sd_watchdog_enabled(0, &microseconds) > 0 ? (double)microseconds / 1e6 : 0;
}

void fd_service_manager_notify_alive(void) {
    (void)sd_notify(0, "WATCHDOG=1");
}
