/* A connection to a PostgreSQL server, used by one thread at a time: opening it, SQL that runs
 * once, and the server's errors as ours. */
#ifndef FD_POSTGRES_CONNECTION_H
#define FD_POSTGRES_CONNECTION_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "macros.h"

/* The prepared statements: FD_PG_BEGIN, …. */
typedef enum fd_postgres_statement {
#define X(identifier, sql) FD_PG_##identifier,
#include "postgres_statements.def"
#undef X
    FD_PG_COUNT
} fd_postgres_statement;

typedef struct fd_postgres_connection {
    PGconn *wire;               /* NULL: not connected */
    bool prepared[FD_PG_COUNT]; /* see postgres_statement.h */
    bool is_lost;               /* libpq may notice only at the next statement */
    bool was_warned;            /* the server warned since somebody set it to false */
    double logged;              /* monotonic seconds; when a failure was logged */
    char sqlstate[6];           /* of the newest failure; "" if the server did not name it */
} fd_postgres_connection;

/* What a connection is for. */
typedef enum fd_postgres_purpose {
    FD_POSTGRES_WRITES, /* gives up locks soon after this process stops or the network does */
    FD_POSTGRES_READS,
} fd_postgres_purpose;

/* Options of libpq for a URL; the URL may say otherwise. */
typedef struct fd_postgres_parameters {
    const char *keywords[16];
    const char *values[16];
} fd_postgres_parameters;
fd_postgres_parameters fd_postgres_parameters_of(const char *url);

/* Connects to a server that takes writes. -EIO: none does; a line of the log says why. The
 * connection must not move while it is open. */
int fd_postgres_connect(fd_postgres_connection *connection, const char *url,
                        fd_postgres_purpose purpose) FD_MUST_CHECK;
void fd_postgres_disconnect(fd_postgres_connection *connection);
bool fd_postgres_is_connected(const fd_postgres_connection *connection);

/* Makes settings on a connection that is new. */
int fd_postgres_set_up(fd_postgres_connection *connection,
                       fd_postgres_purpose purpose) FD_MUST_CHECK;

/* Runs SQL without parameters, and returns the last result, which the caller frees; NULL is a
 * failure. */
PGresult *fd_postgres_query(fd_postgres_connection *connection, const char *sql) FD_MUST_CHECK;

/* Runs SQL without parameters; several statements are a transaction, unless they say otherwise. */
int fd_postgres_execute(fd_postgres_connection *connection, const char *sql) FD_MUST_CHECK;

/* Runs a query, and copies the first column of its first row: "" if there is no row. A text that
 * does not fit is cut. */
int fd_postgres_query_text(fd_postgres_connection *connection, const char *sql, char *text,
                           size_t size) FD_MUST_CHECK;
int fd_postgres_query_integer(fd_postgres_connection *connection, const char *sql,
                              int64_t *ret) FD_MUST_CHECK;

/* Turns a result into 0 or -errno, and logs a failure. NULL is one. */
int fd_postgres_result_error(fd_postgres_connection *connection, const PGresult *result);

/* A statement that gave this failed because of another transaction, and may be run again. */
bool fd_postgres_may_try_again(const fd_postgres_connection *connection);

FD_DEFINE_CLEANUP(PGresult, PQclear)

#endif
