/* Embedding jobs in the database. */
#ifndef FD_POSTGRES_EMBEDDING_JOBS_H
#define FD_POSTGRES_EMBEDDING_JOBS_H

#include "store.h"

/* The store's operations. */
int fd_postgres_embedding_job_add(fd_store *store, const fd_embedding_job_row *row,
                                  const fd_embedding_job_item *items, size_t n, uint64_t most_jobs,
                                  uint64_t most_bytes) FD_MUST_CHECK;
int fd_postgres_embedding_job_write(fd_store *store, const fd_embedding_job_row *row,
                                    const fd_embedding_job_item *items, size_t n) FD_MUST_CHECK;
int fd_postgres_embedding_jobs_prune(fd_store *store, int64_t before_ms, size_t keep) FD_MUST_CHECK;
int fd_postgres_embedding_jobs_read(fd_store *store, int64_t before, size_t limit,
                                    fd_embedding_job_visit *visit, void *context) FD_MUST_CHECK;
int fd_postgres_embedding_job_items_read(fd_store *store, int64_t sequence, uint32_t first,
                                         fd_embedding_job_item_visit *visit,
                                         void *context) FD_MUST_CHECK;

#endif
