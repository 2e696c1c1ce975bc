/*
 * Prepared statements of a connection, one for each row of postgres_statements.def: bind the
 * parameters, then run, or send several in a pipeline. A statement is prepared when a connection
 * first needs it. Parameters and columns are binary.
 */
#ifndef FD_POSTGRES_STATEMENT_H
#define FD_POSTGRES_STATEMENT_H

#include "postgres_connection.h"

enum { FD_POSTGRES_PARAMETERS_MAX = 32 };

/* Texts and bytes are borrowed until the statement was sent. Starts as {0}. */
typedef struct fd_postgres_binding {
    int n;
    struct {
        Oid type;
        bool is_null;
        int length;
        const char *bytes; /* NULL: the number */
        unsigned char number[8];
    } parameters[FD_POSTGRES_PARAMETERS_MAX];
    bool too_large;
} fd_postgres_binding;

void fd_postgres_bind_text(fd_postgres_binding *binding, const char *text); /* NULL is NULL */
void fd_postgres_bind_integer(fd_postgres_binding *binding, int64_t value);
void fd_postgres_bind_real(fd_postgres_binding *binding, double value); /* NaN is NULL */
void fd_postgres_bind_bytes(fd_postgres_binding *binding, const void *bytes, size_t size);

/* Runs a statement; `binding` may be NULL. On success the caller clears *ret. */
int fd_postgres_run(fd_postgres_connection *connection, fd_postgres_statement identifier,
                    const fd_postgres_binding *binding, PGresult **ret) FD_MUST_CHECK;

/* Runs a statement that changes rows. Returns 1 if it changed any, 0 if it changed none. */
int fd_postgres_modify(fd_postgres_connection *connection, fd_postgres_statement identifier,
                       const fd_postgres_binding *binding) FD_MUST_CHECK;

/* Prepares a statement, unless it is; the binding says the types of its parameters. */
int fd_postgres_prepare(fd_postgres_connection *connection, fd_postgres_statement identifier,
                        const fd_postgres_binding *binding) FD_MUST_CHECK;

/* A pipeline, which costs one round trip: enter, send statements that are prepared, take a result
 * for each, and leave. After a failure the rest are not run. */
int fd_postgres_enter(fd_postgres_connection *connection) FD_MUST_CHECK;
int fd_postgres_send(fd_postgres_connection *connection, fd_postgres_statement identifier,
                     const fd_postgres_binding *binding) FD_MUST_CHECK;
int fd_postgres_sent(fd_postgres_connection *connection) FD_MUST_CHECK; /* it was the last one */
int fd_postgres_take(fd_postgres_connection *connection, PGresult **ret) FD_MUST_CHECK;
int fd_postgres_leave(fd_postgres_connection *connection) FD_MUST_CHECK;

/* Runs a statement for each of n rows, in pipelines. `bind` fills the binding of row i, and `done`
 * gets its result; another value than 0 of it is returned in the end, without running more. */
typedef void fd_postgres_bind_row(void *context, size_t i, fd_postgres_binding *binding);
typedef int fd_postgres_row_done(void *context, size_t i, const PGresult *result);
int fd_postgres_run_rows(fd_postgres_connection *connection, fd_postgres_statement identifier,
                         size_t n, fd_postgres_bind_row *bind, fd_postgres_row_done *done,
                         void *context) FD_MUST_CHECK;

/* Columns of a row of a result. */
int64_t fd_postgres_integer_at(const PGresult *result, int row, int column);
double fd_postgres_real_at(const PGresult *result, int row, int column); /* NULL is NaN */
const char *fd_postgres_text_at(const PGresult *result, int row, int column);
size_t fd_postgres_size_at(const PGresult *result, int row, int column);

#endif
