/* The embedder of the items in the database. */
#ifndef FD_SQLITE_EMBEDDERS_H
#define FD_SQLITE_EMBEDDERS_H

#include "sqlite_connection.h"
#include "store.h"

/* The store's operations. */
int fd_sqlite_embedder_write(fd_store *store, const fd_embedder_row *row) FD_MUST_CHECK;
int fd_sqlite_embedder_read(fd_store *store, fd_embedder_visit *visit, void *context) FD_MUST_CHECK;

/* With another statement of the same parameters, or columns. */
int fd_sqlite_embedder_put(fd_store *store, fd_sqlite_statement identifier,
                           const fd_embedder_row *row) FD_MUST_CHECK;
int fd_sqlite_embedder_visit(fd_store *store, fd_sqlite_statement identifier,
                             fd_embedder_visit *visit, void *context) FD_MUST_CHECK;

#endif
