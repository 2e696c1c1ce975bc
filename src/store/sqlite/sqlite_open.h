/* Opening a store with other migrations than those that are built in, for tests. */
#ifndef FD_SQLITE_OPEN_H
#define FD_SQLITE_OPEN_H

#include "sqlite_migrations.h"
#include "sqlite_store.h"

/* As fd_store_open_sqlite, with `n` migrations. */
int fd_sqlite_open(const char *given, const fd_sqlite_migration *migrations, size_t n,
                   fd_store **ret, fd_fault *fault) FD_MUST_CHECK;

/* As fd_store_open_sqlite_read_only, with `newest` for the schema that is wanted. */
int fd_sqlite_open_read_only(const char *given, size_t newest, fd_store **ret,
                             fd_fault *fault) FD_MUST_CHECK;

#endif
