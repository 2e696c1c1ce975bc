/* The project's settings and the embedder of the items, in the database. */
#ifndef FD_POSTGRES_PROJECT_H
#define FD_POSTGRES_PROJECT_H

#include "postgres_reading.h"

/* The store's operations. */
int fd_postgres_project_add(fd_store *store, const fd_project_row *row) FD_MUST_CHECK;
int fd_postgres_project_read(fd_store *store, fd_project_visit *visit, void *context) FD_MUST_CHECK;
int fd_postgres_project_versions_read(fd_store *store, fd_project_visit *visit,
                                      void *context) FD_MUST_CHECK;
int fd_postgres_embedder_write(fd_store *store, const fd_embedder_row *row) FD_MUST_CHECK;
int fd_postgres_embedder_read(fd_store *store, fd_embedder_visit *visit,
                              void *context) FD_MUST_CHECK;

/* Versions after one, and the embedder if it is newer than a tick, through a connection of the
 * caller. */
int fd_postgres_project_visit(fd_postgres_reading *reading, int64_t after, fd_project_visit *visit,
                              void *context) FD_MUST_CHECK;
int fd_postgres_embedder_visit(fd_postgres_reading *reading, int64_t after_tick,
                               fd_embedder_visit *visit, void *context) FD_MUST_CHECK;

/* Inside a transaction: one of the statements that take a row of an embedder. */
int fd_postgres_embedder_put(fd_store *store, fd_postgres_statement identifier,
                             const fd_embedder_row *row) FD_MUST_CHECK;

#endif
