/* What the rows of a database are like: how many there are, and what contradicts. */
#ifndef FD_POSTGRES_CHECK_H
#define FD_POSTGRES_CHECK_H

#include "store.h"

/* The store's operations. */
int fd_postgres_counts(fd_store *store, fd_counts *ret) FD_MUST_CHECK;
int fd_postgres_check(fd_store *store, fd_finding_visit *visit, void *context) FD_MUST_CHECK;

#endif
