/* service_manager.h for a program that was built without libsystemd. */
#include "service_manager.h"

bool fd_service_manager_is_built_in(void) {
    return false;
}

void fd_service_manager_notify_ready(const char *status) {
    (void)status;
}

void fd_service_manager_notify_status(const char *status) {
    (void)status;
}

void fd_service_manager_notify_starting(double seconds, const char *status) {
    (void)seconds;
    (void)status;
}

void fd_service_manager_notify_reloading(void) {
}

void fd_service_manager_notify_stopping(void) {
}

double fd_service_manager_watchdog_seconds(void) {
    return 0;
}

void fd_service_manager_notify_alive(void) {
}
