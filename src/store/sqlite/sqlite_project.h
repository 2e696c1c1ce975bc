/* The history of the project's settings in the database. */
#ifndef FD_SQLITE_PROJECT_H
#define FD_SQLITE_PROJECT_H

#include "store.h"

/* The store's operations. */
int fd_sqlite_project_add(fd_store *store, const fd_project_row *row) FD_MUST_CHECK;
int fd_sqlite_project_read(fd_store *store, fd_project_visit *visit, void *context) FD_MUST_CHECK;
int fd_sqlite_project_versions_read(fd_store *store, fd_project_visit *visit,
                                    void *context) FD_MUST_CHECK;

#endif
