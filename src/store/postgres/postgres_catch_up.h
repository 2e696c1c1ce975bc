/* Catching up with what other replicas committed. */
#ifndef FD_POSTGRES_CATCH_UP_H
#define FD_POSTGRES_CATCH_UP_H

#include "store.h"

/* The store's operations. */
int fd_postgres_catch_up(fd_store *store, const fd_change_visits *visits,
                         void *context) FD_MUST_CHECK;
void fd_postgres_begin_after(fd_store *store, size_t items, size_t labels);

#endif
