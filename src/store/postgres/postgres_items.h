/* Items in the database. */
#ifndef FD_POSTGRES_ITEMS_H
#define FD_POSTGRES_ITEMS_H

#include "postgres_reading.h"

/* The store's operations. */
int fd_postgres_items_add(fd_store *store, const fd_item_row *rows, size_t n, uint32_t *indices,
                          fd_added *ret) FD_MUST_CHECK;
int fd_postgres_items_read(fd_store *store, uint32_t first, size_t limit, bool embeddings,
                           fd_item_visit *visit, void *context) FD_MUST_CHECK;
int fd_postgres_text_features_write(fd_store *store, const fd_text_features_row *rows,
                                    size_t n) FD_MUST_CHECK;

/* Items from `first`, through a connection of the caller. */
int fd_postgres_items_visit(fd_postgres_reading *reading, int64_t first, uint64_t limit,
                            bool embeddings, fd_item_visit *visit, void *context) FD_MUST_CHECK;

/* Embeddings of items from `first`: the columns of VECTORS_READ. */
int fd_postgres_vectors_visit(fd_postgres_reading *reading, int64_t first, uint64_t limit,
                              fd_item_visit *visit, void *context) FD_MUST_CHECK;

int fd_postgres_vectors_read(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                             void *context) FD_MUST_CHECK;

#endif
