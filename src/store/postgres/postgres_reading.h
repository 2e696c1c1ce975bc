/* One reading: a prepared statement, whose rows come one after another, and their columns. */
#ifndef FD_POSTGRES_READING_H
#define FD_POSTGRES_READING_H

#include "postgres_backend.h"

/*
 *     FD_CLEANUP(fd_postgres_reading_end) fd_postgres_reading reading =
 *         fd_postgres_reading_start(store, FD_PG_ITEMS_READ);
 *     fd_postgres_bind_integer(&reading.binding, first);
 *     while (r == 0 && (r = fd_postgres_reading_next(&reading)) > 0)
 *         r = …;
 *
 * The server sends rows as they are read, so that a result needs no memory as a whole.
 */
typedef struct fd_postgres_reading {
    fd_postgres_readers *readers; /* NULL: the connection is the caller's */
    fd_postgres_connection *connection;
    fd_postgres_statement identifier;
    fd_postgres_binding binding;
    PGresult *row;
    int at;        /* which row of the result */
    bool is_whole; /* the result has all rows */
    bool is_open;  /* there may be more rows */
} fd_postgres_reading;

/* Waits for a reader. */
fd_postgres_reading fd_postgres_reading_start(fd_store *store, fd_postgres_statement identifier);

/* Reads through a connection of the caller, which is not in a pipeline. */
fd_postgres_reading fd_postgres_reading_on(fd_postgres_connection *connection,
                                           fd_postgres_statement identifier);

/* Reads a result that has come already, and frees it at the end. */
fd_postgres_reading fd_postgres_reading_of(PGresult *result);

void fd_postgres_reading_end(fd_postgres_reading *reading);

/* 1: the next row, 0: there are no more, or -errno. */
int fd_postgres_reading_next(fd_postgres_reading *reading) FD_MUST_CHECK;

/* Columns of the row; a text or bytes are NULL if the column is. */
static inline const char *fd_postgres_text_of(const fd_postgres_reading *reading, int column) {
    return fd_postgres_text_at(reading->row, reading->at, column);
}
static inline int64_t fd_postgres_integer_of(const fd_postgres_reading *reading, int column) {
    return fd_postgres_integer_at(reading->row, reading->at, column);
}
static inline double fd_postgres_real_of(const fd_postgres_reading *reading, int column) {
    return fd_postgres_real_at(reading->row, reading->at, column);
}
static inline size_t fd_postgres_size_of(const fd_postgres_reading *reading, int column) {
    return fd_postgres_size_at(reading->row, reading->at, column);
}
static inline bool fd_postgres_is_null_of(const fd_postgres_reading *reading, int column) {
    return PQgetisnull(reading->row, reading->at, column) != 0;
}

/* PostgreSQL's integers are signed: the largest one stands for anything larger. */
static inline int64_t fd_postgres_clamp(uint64_t value) {
    return value < INT64_MAX ? (int64_t)value : INT64_MAX;
}

#endif
