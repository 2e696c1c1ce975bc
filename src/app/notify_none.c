/* notify.h for a program that was built without libsystemd. */
#include "notify.h"

bool fd_notify_is_built_in(void) {
    return false;
}

void fd_notify_ready(const char *status) {
    (void)status;
}

void fd_notify_status(const char *status) {
    (void)status;
}

void fd_notify_reloading(void) {
}

void fd_notify_stopping(void) {
}

double fd_notify_watchdog_seconds(void) {
    return 0;
}

void fd_notify_alive(void) {
}
