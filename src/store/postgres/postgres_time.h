/* The clock that all replicas share: the database server's. */
#ifndef FD_POSTGRES_TIME_H
#define FD_POSTGRES_TIME_H

#include "postgres_backend.h"

/* Takes note of the server's time, asked for at a time of fd_monotonic_seconds and told now. */
void fd_postgres_note_time(fd_postgres_store *store, int64_t server_ms, double asked);

/* The store's operation. */
int64_t fd_postgres_now_ms(fd_store *store);

#endif
