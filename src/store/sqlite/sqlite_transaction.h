/* Transactions of the writer: the store's operations begin to probe, and lists of rows. */
#ifndef FD_SQLITE_TRANSACTION_H
#define FD_SQLITE_TRANSACTION_H

#include "sqlite_connection.h"
#include "store.h"

/* The store's operations. */
int fd_sqlite_begin(fd_store *store) FD_MUST_CHECK;
int fd_sqlite_commit(fd_store *store) FD_MUST_CHECK;
void fd_sqlite_rollback(fd_store *store);
int fd_sqlite_probe(fd_store *store) FD_MUST_CHECK;
int fd_sqlite_present(fd_store *store) FD_MUST_CHECK;

/* The writer, which must be in a transaction. */
fd_sqlite_connection *fd_sqlite_writer_of(fd_store *store);

/* Adds a list of rows as a whole: the end takes the result of adding, keeps all rows if that is 0,
 * and otherwise none. */
int fd_sqlite_list_begin(fd_sqlite_connection *writer) FD_MUST_CHECK;
int fd_sqlite_list_end(fd_sqlite_connection *writer, int result) FD_MUST_CHECK;

#endif
