/* Opening a store with other migrations than those that are built in, for tests. */
#ifndef FD_POSTGRES_OPEN_H
#define FD_POSTGRES_OPEN_H

#include "postgres_migrations.h"
#include "postgres_store.h"

/* As fd_store_open_postgres, with `n` migrations. */
int fd_postgres_open(const char *url, const fd_postgres_migration *migrations, size_t n,
                     fd_store **ret, fd_fault *fault) FD_MUST_CHECK;

#endif
