/* The store's operations on model versions. */
#ifndef FD_SQLITE_MODELS_H
#define FD_SQLITE_MODELS_H

#include "store.h"

int fd_sqlite_model_add(fd_store *store, const fd_model_row *row) FD_MUST_CHECK;
int fd_sqlite_model_activate(fd_store *store, uint64_t version) FD_MUST_CHECK;
int fd_sqlite_models_prune(fd_store *store, size_t keep, uint64_t spare,
                           size_t *ret_deleted) FD_MUST_CHECK;
int fd_sqlite_models_read(fd_store *store, uint64_t highest, size_t limit, bool bytes,
                          fd_model_visit *visit, void *context) FD_MUST_CHECK;

#endif
