/*
 * The write-ahead log: what was committed and is not in the file yet. The writer copies it into the
 * file now and then, and begins it anew when nobody reads from it. Where somebody always does it
 * would grow for ever: beyond its bound readers are kept out for a moment.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "sqlite_backend.h"

/* As SQLite's own default: 4 MiB. */
enum { CHECKPOINT_PAGES = 1000 };

/* Reads are pages of a list and take milliseconds; a start or a check reads all, and is let be. */
static const time_t longest_wait_seconds = 1;

static int on_commit(void *context, sqlite3 *database, const char *name, int pages) {
    fd_sqlite_store *store = context;
    (void)database;
    (void)name;
    store->log_pages = pages;
    return SQLITE_OK;
}

void fd_write_ahead_log_open(fd_sqlite_store *store) {
    store->log_bound = FD_SQLITE_LOG_PAGES;
    store->log_empty_at = FD_SQLITE_LOG_PAGES;
    (void)sqlite3_wal_hook(store->writer.database, on_commit, store);
}

/* ---- the gate ---- */

/* Whether no reader is active; new ones wait from here on. */
static bool close_gate(fd_sqlite_store *store) {
    struct timespec deadline;
    int r = 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += longest_wait_seconds;
    (void)pthread_mutex_lock(&store->readers_lock);
    store->gate_closed = true;
    while (store->n_idle < FD_SQLITE_READERS && r == 0)
        r = pthread_cond_timedwait(&store->reader_returned, &store->readers_lock, &deadline);
    bool alone = store->n_idle == FD_SQLITE_READERS;
    (void)pthread_mutex_unlock(&store->readers_lock);
    return alone;
}

static void open_gate(fd_sqlite_store *store) {
    (void)pthread_mutex_lock(&store->readers_lock);
    store->gate_closed = false;
    (void)pthread_cond_broadcast(&store->reader_returned);
    (void)pthread_mutex_unlock(&store->readers_lock);
}

/* ---- the log ---- */

static bool checkpoint(fd_sqlite_store *store, int mode) {
    int pages;
    return sqlite3_wal_checkpoint_v2(store->writer.database, NULL, mode, &pages, NULL) == SQLITE_OK;
}

/* Those who read from outside, and a backup, are not waited for: the next time will do. */
static bool empty(fd_sqlite_store *store) {
    sqlite3 *database = store->writer.database;
    bool done = false;
    if (close_gate(store)) {
        (void)sqlite3_busy_timeout(database, 0);
        done = checkpoint(store, SQLITE_CHECKPOINT_TRUNCATE);
        (void)sqlite3_busy_timeout(database, FD_SQLITE_BUSY_MILLISECONDS);
    }
    open_gate(store);
    return done;
}

void fd_write_ahead_log_checkpoint(fd_sqlite_store *store) {
    int pages = store->log_pages;
    if (pages < store->log_bound) /* what could not be emptied was begun anew */
        store->log_empty_at = store->log_bound;
    if (pages >= store->log_empty_at) {
        if (!empty(store))
            store->log_empty_at = pages + store->log_bound / 8;
    } else if (pages >= CHECKPOINT_PAGES) {
        (void)checkpoint(store, SQLITE_CHECKPOINT_PASSIVE);
    }
}

uint64_t fd_write_ahead_log_bytes(fd_store *store) {
    FD_FREE char *name = NULL;
    struct stat about;
    if (asprintf(&name, "%s-wal", ((fd_sqlite_store *)store)->path) < 0) {
        name = NULL;
        return 0;
    }
    return stat(name, &about) == 0 ? (uint64_t)about.st_size : 0;
}
