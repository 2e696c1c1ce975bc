/* The replicas of a store: what each tells the others, and what they share beside the history. */
#ifndef FD_POSTGRES_REPLICAS_H
#define FD_POSTGRES_REPLICAS_H

#include "store.h"

/* The store's operations. */
void fd_postgres_position(fd_store *store, const char **ret_id, uint64_t *ret_tick,
                          uint64_t *ret_newest);
int fd_postgres_replica_write(fd_store *store, const fd_replica_row *row) FD_MUST_CHECK;
int fd_postgres_replicas_read(fd_store *store, double seconds, fd_replica_visit *visit,
                              void *context) FD_MUST_CHECK;

#endif
