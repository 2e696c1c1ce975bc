/* The store's operations on items. */
#ifndef FD_SQLITE_ITEMS_H
#define FD_SQLITE_ITEMS_H

#include "sqlite_backend.h"

int fd_sqlite_items_add(fd_store *store, const fd_item_row *rows, size_t n, uint32_t *indices,
                        fd_added *ret) FD_MUST_CHECK;
int fd_sqlite_items_read(fd_store *store, uint32_t first, size_t limit, bool embeddings,
                         fd_item_visit *visit, void *context) FD_MUST_CHECK;
int fd_sqlite_vectors_read(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                           void *context) FD_MUST_CHECK;

/* Visits the index and the vector of each row of a statement that takes `first` and `limit`. */
int fd_sqlite_vectors_visit(fd_store *store, fd_sqlite_statement identifier, uint32_t first,
                            size_t limit, fd_item_visit *visit, void *context) FD_MUST_CHECK;

#endif
