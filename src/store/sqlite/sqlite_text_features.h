/* Text features in the database. */
#ifndef FD_SQLITE_TEXT_FEATURES_H
#define FD_SQLITE_TEXT_FEATURES_H

#include "sqlite_connection.h"
#include "store.h"

/* Writes one row, in the place of one of the same item. */
int fd_sqlite_text_features_put(fd_sqlite_connection *writer,
                                const fd_text_features_row *row) FD_MUST_CHECK;

/* The store's operation. */
int fd_sqlite_text_features_write(fd_store *store, const fd_text_features_row *rows,
                                  size_t n) FD_MUST_CHECK;

#endif
