/* How many rows a database holds. */
#ifndef FD_SQLITE_COUNTS_H
#define FD_SQLITE_COUNTS_H

#include "sqlite_connection.h"
#include "store.h"

int fd_sqlite_read_counts(fd_sqlite_connection *connection, fd_counts *ret) FD_MUST_CHECK;

/* The store's operation. */
int fd_sqlite_counts(fd_store *store, fd_counts *ret) FD_MUST_CHECK;

#endif
