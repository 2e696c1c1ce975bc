/*
 * Prepared statements of a connection, one for each row of sqlite_statements.def: bind the
 * parameters, then step or run.
 */
#ifndef FD_SQLITE_STATEMENT_H
#define FD_SQLITE_STATEMENT_H

#include <stdint.h>

#include "macros.h"
#include "sqlite_connection.h"

/* Prepares all statements of an open connection. */
int fd_sqlite_prepare(fd_sqlite_connection *connection) FD_MUST_CHECK;

/* Returns 1: there is a row, and the caller resets the statement; 0: done; or -errno. The last two
 * have reset the statement. */
int fd_sqlite_step(fd_sqlite_connection *connection, fd_sqlite_statement identifier) FD_MUST_CHECK;
void fd_sqlite_reset(fd_sqlite_connection *connection, fd_sqlite_statement identifier);

/* Steps once and resets. */
int fd_sqlite_run(fd_sqlite_connection *connection, fd_sqlite_statement identifier) FD_MUST_CHECK;

/* Binds parameters one after another and keeps the first failure, which fd_sqlite_bound returns.
 * Texts and blobs are borrowed until the statement is reset. */
typedef struct fd_sqlite_binding {
    sqlite3_stmt *statement;
    int parameter; /* the last one bound */
    int result;    /* SQLite's */
} fd_sqlite_binding;

fd_sqlite_binding fd_sqlite_bind(fd_sqlite_connection *connection, fd_sqlite_statement identifier);
void fd_sqlite_bind_text(fd_sqlite_binding *binding, const char *text); /* NULL is NULL */
void fd_sqlite_bind_integer(fd_sqlite_binding *binding, int64_t value);
void fd_sqlite_bind_real(fd_sqlite_binding *binding, double value); /* NaN is NULL */
void fd_sqlite_bind_blob(fd_sqlite_binding *binding, const void *bytes, size_t size);
int fd_sqlite_bound(const fd_sqlite_binding *binding) FD_MUST_CHECK;

/* Runs a statement that changes rows. Returns 1 if it changed any, and 0 if it changed none, such
 * as an insertion whose id is taken. */
int fd_sqlite_modify(fd_sqlite_connection *connection, fd_sqlite_statement identifier,
                     const fd_sqlite_binding *binding) FD_MUST_CHECK;

/* Runs a *_SAME statement. Returns -EEXIST if the stored row differs, -EBADMSG if there is none.
 * `ret_second` gets the second column, or 0 if there is none. */
int fd_sqlite_compare(fd_sqlite_connection *connection, fd_sqlite_statement identifier,
                      const fd_sqlite_binding *binding, int64_t *ret_second) FD_MUST_CHECK;

#endif
