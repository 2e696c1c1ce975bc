/* Messages to a service manager such as systemd; without one nothing happens. */
#ifndef FD_SERVICE_MANAGER_H
#define FD_SERVICE_MANAGER_H

#include <stdbool.h>

/* False in a program that was built without libsystemd: the other functions then do nothing. */
bool fd_service_manager_is_built_in(void);

void fd_service_manager_notify_ready(const char *status);
void fd_service_manager_notify_status(const char *status);
/* While the daemon starts: it must not be taken for hung within the next `seconds`. */
void fd_service_manager_notify_starting(double seconds, const char *status);
void fd_service_manager_notify_reloading(void); /* until fd_service_manager_notify_ready */
void fd_service_manager_notify_stopping(void);

/* The longest time in seconds between two signs of life that the service manager accepts; 0: it
 * wants none. */
double fd_service_manager_watchdog_seconds(void);
void fd_service_manager_notify_alive(void);

#endif
