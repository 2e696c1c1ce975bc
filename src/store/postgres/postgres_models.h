/* Model versions in the database. */
#ifndef FD_POSTGRES_MODELS_H
#define FD_POSTGRES_MODELS_H

#include "postgres_reading.h"

/* The store's operations. */
int fd_postgres_model_add(fd_store *store, const fd_model_row *row) FD_MUST_CHECK;
int fd_postgres_model_activate(fd_store *store, uint64_t version) FD_MUST_CHECK;
int fd_postgres_model_announce(fd_store *store, uint64_t version) FD_MUST_CHECK;
int fd_postgres_models_prune(fd_store *store, size_t keep, uint64_t spare,
                             size_t *ret_deleted) FD_MUST_CHECK;
int fd_postgres_models_read(fd_store *store, uint64_t highest, size_t limit, bool bytes,
                            fd_model_visit *visit, void *context) FD_MUST_CHECK;

/* The rows of a reading whose parameters are bound. */
int fd_postgres_models_visit(fd_postgres_reading *reading, bool bytes, fd_model_visit *visit,
                             void *context) FD_MUST_CHECK;

#endif
