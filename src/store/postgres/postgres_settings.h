/* The settings of a server that count for safety. */
#ifndef FD_POSTGRES_SETTINGS_H
#define FD_POSTGRES_SETTINGS_H

#include "fault.h"
#include "postgres_connection.h"

/* Refuses a server that would lose what it acknowledges, with a fault: -EINVAL; or that is too old:
 * -EPROTONOSUPPORT. Logs a warning where no standby is waited for. */
int fd_postgres_check_settings(fd_postgres_connection *connection, const char *name,
                               fd_fault *fault) FD_MUST_CHECK;

#endif
