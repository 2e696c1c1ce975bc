/* A connection to an SQLite database, used by one thread at a time: opening it, SQL that runs once,
 * and SQLite's errors as ours. */
#ifndef FD_SQLITE_CONNECTION_H
#define FD_SQLITE_CONNECTION_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "macros.h"

/* How long a connection waits for a lock of another one. */
enum { FD_SQLITE_BUSY_MILLISECONDS = 5000 };

/* The prepared statements: FD_SQL_BEGIN, …. */
typedef enum fd_sqlite_statement {
#define X(identifier, sql) FD_SQL_##identifier,
#include "sqlite_statements.def"
#undef X
    FD_SQL_COUNT
} fd_sqlite_statement;

typedef struct fd_sqlite_connection {
    sqlite3 *database;                      /* NULL: not connected */
    sqlite3_stmt *statements[FD_SQL_COUNT]; /* see sqlite_statement.h */
} fd_sqlite_connection;

/* Turns the result of a call to SQLite into 0 or -errno. Set errno to 0 before that call: the
 * system's error tells a full disk from a broken one. `database` may be NULL. */
int fd_sqlite_error(sqlite3 *database, int result);

/* Returns `error`, and fills the fault with "PATH: DOING: what SQLite says". */
int fd_sqlite_fault(const fd_sqlite_connection *connection, const char *path, const char *doing,
                    int error, fd_fault *fault);

/* The writer is the one connection that writes the database and checkpoints its log. */
int fd_sqlite_connect_writer(fd_sqlite_connection *connection, const char *path) FD_MUST_CHECK;
int fd_sqlite_connect_reader(fd_sqlite_connection *connection, const char *path) FD_MUST_CHECK;
void fd_sqlite_disconnect(fd_sqlite_connection *connection);

/* Undoes the transaction that a crash left in a journal. Returns 0 or -ENOMEM: the next connection
 * reports any other error. */
int fd_sqlite_roll_back_journal(const char *path) FD_MUST_CHECK;

int fd_sqlite_execute(fd_sqlite_connection *connection, const char *sql) FD_MUST_CHECK;

/* Reads the first column of the first row of a query: "" and 0 if there is no row. A text that does
 * not fit is cut. */
int fd_sqlite_query_text(fd_sqlite_connection *connection, const char *sql, char *text,
                         size_t size) FD_MUST_CHECK;
int fd_sqlite_query_integer(fd_sqlite_connection *connection, const char *sql,
                            int64_t *ret) FD_MUST_CHECK;

/* For FD_CLEANUP, where a file runs a statement of its own. */
static inline void fd_sqlite_finalizep(sqlite3_stmt **statement) {
    (void)sqlite3_finalize(*statement);
}

#endif
