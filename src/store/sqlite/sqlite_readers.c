/* The read-only connections of a store: borrowing, returning and holding back. */
#include "sqlite_readers.h"

#include "clock.h"
#include "sqlite_statement.h"
#include "thread.h"

void fd_sqlite_readers_init(fd_sqlite_readers *readers) {
    (void)pthread_mutex_init(&readers->lock, NULL);
    fd_condition_init(&readers->changed);
}

void fd_sqlite_readers_clear(fd_sqlite_readers *readers) {
    for (size_t i = 0; i < FD_SQLITE_READERS; i++)
        fd_sqlite_disconnect(&readers->connections[i]);
    (void)pthread_cond_destroy(&readers->changed);
    (void)pthread_mutex_destroy(&readers->lock);
}

int fd_sqlite_readers_open(fd_sqlite_readers *readers, size_t n, const char *path,
                           const char *given, fd_fault *fault) {
    for (size_t i = 0; i < n; i++) {
        fd_sqlite_connection *reader = &readers->connections[i];
        int r = fd_sqlite_connect_reader(reader, path);
        if (r < 0)
            return fd_sqlite_fault(reader, given, "cannot be opened", r, fault);
        r = fd_sqlite_prepare(reader);
        if (r < 0)
            return fd_sqlite_fault(reader, given, "cannot be prepared", r, fault);
        readers->idle[readers->n_idle++] = reader;
    }
    return 0;
}

fd_sqlite_connection *fd_sqlite_readers_borrow(fd_sqlite_readers *readers) {
    FD_LOCKED(&readers->lock);
    while (readers->n_idle == 0 || readers->held)
        (void)pthread_cond_wait(&readers->changed, &readers->lock);
    return readers->idle[--readers->n_idle];
}

void fd_sqlite_readers_return(fd_sqlite_readers *readers, fd_sqlite_connection *reader) {
    FD_LOCKED(&readers->lock);
    readers->idle[readers->n_idle++] = reader;
    if (readers->held) /* the writer waits for the last one, and must not miss it */
        (void)pthread_cond_broadcast(&readers->changed);
    else
        (void)pthread_cond_signal(&readers->changed);
}

bool fd_sqlite_readers_hold(fd_sqlite_readers *readers, double seconds) {
    double deadline = fd_monotonic_seconds() + seconds;
    FD_LOCKED(&readers->lock);
    readers->held = true;
    while (readers->n_idle < FD_SQLITE_READERS && fd_monotonic_seconds() < deadline)
        fd_condition_wait_until(&readers->changed, &readers->lock, deadline);
    return readers->n_idle == FD_SQLITE_READERS;
}

void fd_sqlite_readers_resume(fd_sqlite_readers *readers) {
    FD_LOCKED(&readers->lock);
    readers->held = false;
    (void)pthread_cond_broadcast(&readers->changed);
}
