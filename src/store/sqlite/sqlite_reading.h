/* One reading: a prepared statement on a borrowed reader, its rows and their columns. */
#ifndef FD_SQLITE_READING_H
#define FD_SQLITE_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "sqlite_backend.h"
#include "sqlite_statement.h"

/*
 *     FD_CLEANUP(fd_sqlite_reading_end) fd_sqlite_reading reading =
 *         fd_sqlite_reading_start(store, FD_SQL_ITEMS_READ);
 *     fd_sqlite_bind_integer(&reading.binding, first);
 *     int r = fd_sqlite_bound(&reading.binding);
 *     while (r == 0 && (r = fd_sqlite_reading_next(&reading)) > 0)
 *         r = …;
 */
typedef struct fd_sqlite_reading {
    fd_sqlite_readers *readers;
    fd_sqlite_connection *reader;
    fd_sqlite_statement identifier;
    sqlite3_stmt *statement;
    fd_sqlite_binding binding;
} fd_sqlite_reading;

/* Waits for a reader. */
fd_sqlite_reading fd_sqlite_reading_start(fd_store *store, fd_sqlite_statement identifier);
void fd_sqlite_reading_end(fd_sqlite_reading *reading);

/* 1: the next row, 0: there are no more, or -errno. */
int fd_sqlite_reading_next(fd_sqlite_reading *reading) FD_MUST_CHECK;

/* Columns of the row. A text is NULL if the column is, or if memory ran out. */
const char *fd_sqlite_text_at(const fd_sqlite_reading *reading, int column);
int64_t fd_sqlite_integer_at(const fd_sqlite_reading *reading, int column);
double fd_sqlite_real_at(const fd_sqlite_reading *reading, int column); /* NULL is NaN */
bool fd_sqlite_is_null_at(const fd_sqlite_reading *reading, int column);

/* 0 if all columns of the row could be read and `sound` is true; else -ENOMEM or -EBADMSG. */
int fd_sqlite_row_result(const fd_sqlite_reading *reading, bool sound) FD_MUST_CHECK;

/* SQLite's integers are signed: the largest one stands for anything larger. */
int64_t fd_sqlite_clamp(uint64_t value);

#endif
