/*
 * The write-ahead log: committed changes that are not yet in the database file. The writer copies
 * them into the file now and then. SQLite starts the log again at its beginning once nobody reads
 * from it. If somebody always reads, the log would grow for ever, so beyond a bound the writer
 * holds readings back for a moment and empties the log.
 */
#include "write_ahead_log.h"

#include <sys/stat.h>

#include "sqlite_paths.h"

enum {
    CHECKPOINT_PAGES = 1000, /* 4 MiB, SQLite's own default */
    BOUND_PAGES = 16384,     /* 64 MiB */
};

/* Most readings are pages of a list and take milliseconds. A start or a check reads everything; the
 * writer does not wait for those. */
static const double longest_wait_seconds = 1;

static int on_commit(void *context, sqlite3 *database, const char *name, int pages) {
    fd_write_ahead_log *log = context;
    (void)database;
    (void)name;
    log->pages = pages;
    return SQLITE_OK;
}

void fd_write_ahead_log_open(fd_write_ahead_log *log, fd_sqlite_connection *writer,
                             fd_sqlite_readers *readers) {
    *log = (fd_write_ahead_log){.database = writer->database,
                                .readers = readers,
                                .bound = BOUND_PAGES,
                                .empty_at = BOUND_PAGES};
    (void)sqlite3_wal_hook(log->database, on_commit, log);
}

static bool checkpoint(fd_write_ahead_log *log, int mode) {
    int pages;
    return sqlite3_wal_checkpoint_v2(log->database, NULL, mode, &pages, NULL) == SQLITE_OK;
}

/* Fails rather than waits while another process reads, or a backup runs: there is a next time. */
static bool empty(fd_write_ahead_log *log) {
    bool done = false;
    if (fd_sqlite_readers_hold(log->readers, longest_wait_seconds)) {
        (void)sqlite3_busy_timeout(log->database, 0);
        done = checkpoint(log, SQLITE_CHECKPOINT_TRUNCATE);
        (void)sqlite3_busy_timeout(log->database, FD_SQLITE_BUSY_MILLISECONDS);
    }
    fd_sqlite_readers_resume(log->readers);
    return done;
}

void fd_write_ahead_log_checkpoint(fd_write_ahead_log *log) {
    int pages = log->pages;
    if (pages < log->bound) /* the log has started again since a try failed */
        log->empty_at = log->bound;
    if (pages >= log->empty_at) {
        if (!empty(log))
            log->empty_at = pages + log->bound / 8;
    } else if (pages >= CHECKPOINT_PAGES) {
        (void)checkpoint(log, SQLITE_CHECKPOINT_PASSIVE);
    }
}

uint64_t fd_write_ahead_log_bytes(const char *path) {
    FD_FREE char *name = fd_sqlite_join(path, "-wal");
    struct stat about;
    return name && stat(name, &about) == 0 ? (uint64_t)about.st_size : 0;
}
