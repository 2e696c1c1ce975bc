/* The right to train, which one replica has at a time. */
#ifndef FD_POSTGRES_LEARNING_H
#define FD_POSTGRES_LEARNING_H

#include "postgres_backend.h"

/* The store's operations. */
int fd_postgres_hold_learning(fd_store *store, double seconds) FD_MUST_CHECK;
void fd_postgres_release_learning(fd_store *store);

/* Inside a transaction, until its end: 0, this replica has the right to train, or nobody has it;
 * -ECANCELED, another one has, or had it since. The second also keeps it for the activation. */
int fd_postgres_check_right(fd_postgres_store *store) FD_MUST_CHECK;
int fd_postgres_fence(fd_postgres_store *store) FD_MUST_CHECK;

#endif
