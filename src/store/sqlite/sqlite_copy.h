/* A copy of a database under a name of its own, made while the database is in use. */
#ifndef FD_SQLITE_COPY_H
#define FD_SQLITE_COPY_H

#include <stdbool.h>

#include "sqlite_connection.h"

/*
 * Copies all committed rows to the file `to`, which gets its name once it is whole and on disk.
 * -EEXIST: the file exists, unless `replace` allows that; -EBUSY: another copy to it is running.
 */
int fd_sqlite_copy(fd_sqlite_connection *connection, const char *to, bool replace) FD_MUST_CHECK;

#endif
