/* The right to train, which one replica has at a time. */
#ifndef FD_POSTGRES_LEARNING_H
#define FD_POSTGRES_LEARNING_H

#include "postgres_backend.h"

/* The store's operations. */
int fd_postgres_hold_learning(fd_store *store, double seconds) FD_MUST_CHECK;
void fd_postgres_release_learning(fd_store *store);

/* Inside a transaction, until its end: 0, this replica may add a model; -ECANCELED, another one has
 * the right, or had it since. */
int fd_postgres_fence(fd_postgres_store *store) FD_MUST_CHECK;

#endif
