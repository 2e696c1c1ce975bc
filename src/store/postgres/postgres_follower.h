/* Follows the history through a connection of its own, which waits for nothing longer than asked.
 */
#ifndef FD_POSTGRES_FOLLOWER_H
#define FD_POSTGRES_FOLLOWER_H

#include <stdatomic.h>

#include "postgres_connection.h"
#include "store.h"

typedef enum fd_postgres_following {
    FD_POSTGRES_APART, /* not connected */
    FD_POSTGRES_CONNECTING,
    FD_POSTGRES_LISTENING,
    FD_POSTGRES_ASKING, /* an answer is to come */
} fd_postgres_following;

typedef struct fd_postgres_follower {
    fd_postgres_connection connection;
    fd_postgres_following state;
    bool is_new;                   /* nothing was answered through this connection yet */
    bool was_listening;            /* through one before */
    int polling;                   /* what libpq waits for while it connects */
    double since;                  /* monotonic seconds; of the state */
    atomic_int_least64_t heard_of; /* the newest tick that it was told */
} fd_postgres_follower;

/* The store's operation. */
int fd_postgres_wait_for_change(fd_store *store, double seconds);

void fd_postgres_follower_clear(fd_postgres_follower *follower);

#endif
