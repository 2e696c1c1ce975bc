/* What a service manager such as systemd is told; nothing where none listens. */
#ifndef FD_NOTIFY_H
#define FD_NOTIFY_H

#include <stdbool.h>

/* False in a program that was built without libsystemd: nobody is told anything. */
bool fd_notify_is_built_in(void);

void fd_notify_ready(const char *status);
void fd_notify_status(const char *status);
void fd_notify_reloading(void); /* until fd_notify_ready */
void fd_notify_stopping(void);

/* Seconds within which the service manager wants a sign of life, again and again; 0: it wants none.
 */
double fd_notify_watchdog_seconds(void);
void fd_notify_alive(void);

#endif
