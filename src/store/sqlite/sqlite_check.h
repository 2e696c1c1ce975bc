/* Finds damage in a database that SQLite can read. */
#ifndef FD_SQLITE_CHECK_H
#define FD_SQLITE_CHECK_H

#include "store.h"

/* The store's operation. */
int fd_sqlite_check(fd_store *store, fd_finding_visit *visit, void *context) FD_MUST_CHECK;

#endif
