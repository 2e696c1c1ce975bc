/* Waits for a server that may have stopped answering. A server that is stopped, or hangs as a
 * whole, keeps its connections open, and libpq would wait for ever. */
#ifndef FD_POSTGRES_WIRE_H
#define FD_POSTGRES_WIRE_H

#include "postgres_connection.h"

/* Sends what was given to libpq; false: the connection is gone. */
bool fd_postgres_wire_flush(fd_postgres_connection *connection) FD_MUST_CHECK;

/* As PQgetResult does, but gives the connection up once the server says nothing for some seconds,
 * and answers no new connection either. The caller frees the result. */
PGresult *fd_postgres_wire_result(fd_postgres_connection *connection) FD_MUST_CHECK;

/* The last result of what was sent, as PQexec gives it. */
PGresult *fd_postgres_wire_last_result(fd_postgres_connection *connection) FD_MUST_CHECK;

#endif
