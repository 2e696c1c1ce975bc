/*
 * The read-only connections of a store. Each reading borrows one and returns it; the writer can
 * hold readings back for a moment.
 */
#ifndef FD_SQLITE_READERS_H
#define FD_SQLITE_READERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "sqlite_connection.h"

enum { FD_SQLITE_READERS = 4 };

typedef struct fd_sqlite_readers {
    fd_sqlite_connection connections[FD_SQLITE_READERS];
    pthread_mutex_t lock;
    pthread_cond_t changed;                        /* one was returned, or readings may begin */
    fd_sqlite_connection *idle[FD_SQLITE_READERS]; /* guarded by lock, as are the next two */
    size_t n_idle;
    bool held; /* no reading may begin */
} fd_sqlite_readers;

void fd_sqlite_readers_init(fd_sqlite_readers *readers);
void fd_sqlite_readers_clear(fd_sqlite_readers *readers);

/* Opens the first `n` connections. Errors have a fault that names the file `given`. */
int fd_sqlite_readers_open(fd_sqlite_readers *readers, size_t n, const char *path,
                           const char *given, fd_fault *fault) FD_MUST_CHECK;

/* Waits until a connection is idle and readings may begin. */
fd_sqlite_connection *fd_sqlite_readers_borrow(fd_sqlite_readers *readers);
void fd_sqlite_readers_return(fd_sqlite_readers *readers, fd_sqlite_connection *reader);

/* Lets no reading begin, and waits at most `seconds` for those that are active. Returns whether all
 * have ended. The caller resumes in either case. */
bool fd_sqlite_readers_hold(fd_sqlite_readers *readers, double seconds);
void fd_sqlite_readers_resume(fd_sqlite_readers *readers);

#endif
