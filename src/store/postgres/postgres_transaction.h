/* Transactions of the writer, under the lock of the clock: the store's operations begin to probe,
 * present, resume and was_committed. */
#ifndef FD_POSTGRES_TRANSACTION_H
#define FD_POSTGRES_TRANSACTION_H

#include "postgres_backend.h"

/* The store's operations. */
int fd_postgres_begin(fd_store *store) FD_MUST_CHECK;
int fd_postgres_commit(fd_store *store) FD_MUST_CHECK;
void fd_postgres_rollback(fd_store *store);
int fd_postgres_probe(fd_store *store) FD_MUST_CHECK;
int fd_postgres_present(fd_store *store) FD_MUST_CHECK;
int fd_postgres_resume(fd_store *store) FD_MUST_CHECK;
int fd_postgres_was_committed(fd_store *store) FD_MUST_CHECK;

/* The store, whose writer must be in a transaction. The caller sets has_written if rows change. */
fd_postgres_store *fd_postgres_writing(fd_store *store);

/* Connects the writer, if it is not, and makes sure that what is known is still the history. */
int fd_postgres_writer_connect(fd_postgres_store *store) FD_MUST_CHECK;

/* The row of the clock, as a statement found it. -EPROTONOSUPPORT: the schema is another one. */
int fd_postgres_moment_at(const PGresult *result, fd_postgres_moment *ret) FD_MUST_CHECK;

#endif
