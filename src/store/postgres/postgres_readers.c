/* The reading connections of a store: borrowing, returning and connecting them. */
#include "postgres_readers.h"

#include <errno.h>

#include "thread.h"

void fd_postgres_readers_init(fd_postgres_readers *readers, const char *url) {
    (void)pthread_mutex_init(&readers->lock, NULL);
    (void)pthread_cond_init(&readers->returned, NULL);
    readers->url = url;
    readers->n = FD_POSTGRES_READERS;
    for (size_t i = 0; i < readers->n; i++)
        readers->idle[readers->n_idle++] = &readers->connections[i];
}

void fd_postgres_readers_clear(fd_postgres_readers *readers) {
    for (size_t i = 0; i < FD_POSTGRES_READERS; i++)
        fd_postgres_disconnect(&readers->connections[i]);
    (void)pthread_cond_destroy(&readers->returned);
    (void)pthread_mutex_destroy(&readers->lock);
}

int fd_postgres_readers_connect(const fd_postgres_readers *readers,
                                fd_postgres_connection *reader) {
    if (fd_postgres_is_connected(reader))
        return 0;
    return readers->is_moment ? -EIO : fd_postgres_connect(reader, readers->url, FD_POSTGRES_READS);
}

int fd_postgres_readers_stand_still(fd_postgres_readers *readers) {
    fd_postgres_connection *reader = &readers->connections[0];
    int r = fd_postgres_readers_connect(readers, reader);
    if (r == 0) /* the first query decides which moment it is */
        r = fd_postgres_execute(reader, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                                        "SELECT version FROM clock");
    readers->idle[0] = reader;
    readers->n = readers->n_idle = 1;
    readers->is_moment = true;
    return r;
}

fd_postgres_connection *fd_postgres_readers_borrow(fd_postgres_readers *readers) {
    FD_LOCKED(&readers->lock);
    while (readers->n_idle == 0)
        (void)pthread_cond_wait(&readers->returned, &readers->lock);
    return readers->idle[--readers->n_idle];
}

void fd_postgres_readers_return(fd_postgres_readers *readers, fd_postgres_connection *reader) {
    FD_LOCKED(&readers->lock);
    readers->idle[readers->n_idle++] = reader;
    (void)pthread_cond_signal(&readers->returned);
}
