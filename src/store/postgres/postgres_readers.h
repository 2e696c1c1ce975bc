/* The reading connections of a store. Each reading borrows one and returns it. */
#ifndef FD_POSTGRES_READERS_H
#define FD_POSTGRES_READERS_H

#include <pthread.h>

#include "postgres_connection.h"

enum { FD_POSTGRES_READERS = 4 };

typedef struct fd_postgres_readers {
    fd_postgres_connection connections[FD_POSTGRES_READERS];
    size_t n;       /* of them are used */
    bool is_moment; /* they are in a transaction, and not opened again */
    const char *url;
    pthread_mutex_t lock;
    pthread_cond_t returned;
    fd_postgres_connection *idle[FD_POSTGRES_READERS]; /* guarded by lock, as is the next */
    size_t n_idle;
} fd_postgres_readers;

/* Connections are opened when they are first needed, and again when they were lost. `url` is
 * borrowed. */
void fd_postgres_readers_init(fd_postgres_readers *readers, const char *url);
void fd_postgres_readers_clear(fd_postgres_readers *readers);

/* Lets all readings use one connection that sees the rows of this moment. */
int fd_postgres_readers_stand_still(fd_postgres_readers *readers) FD_MUST_CHECK;

/* Waits until a connection is idle. It may not be connected. */
fd_postgres_connection *fd_postgres_readers_borrow(fd_postgres_readers *readers);
void fd_postgres_readers_return(fd_postgres_readers *readers, fd_postgres_connection *reader);

/* Connects a borrowed connection, unless it is connected. */
int fd_postgres_readers_connect(const fd_postgres_readers *readers,
                                fd_postgres_connection *reader) FD_MUST_CHECK;

#endif
