/* The write-ahead log of a database, kept within a bound by the thread that writes. */
#ifndef FD_WRITE_AHEAD_LOG_H
#define FD_WRITE_AHEAD_LOG_H

#include <stdint.h>

#include "sqlite_connection.h"
#include "sqlite_readers.h"

typedef struct fd_write_ahead_log {
    sqlite3 *database; /* the writer's */
    fd_sqlite_readers *readers;
    int pages;    /* in the log after the last commit */
    int bound;    /* the pages that it may grow to */
    int empty_at; /* the pages at which the next try to empty it is made */
} fd_write_ahead_log;

/* The writer calls these: once when it opens, and after each commit. */
void fd_write_ahead_log_open(fd_write_ahead_log *log, fd_sqlite_connection *writer,
                             fd_sqlite_readers *readers);
void fd_write_ahead_log_checkpoint(fd_write_ahead_log *log);

/* The size in bytes of the log of the database at `path`, from any thread. */
uint64_t fd_write_ahead_log_bytes(const char *path);

#endif
