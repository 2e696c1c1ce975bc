/* Embedding jobs in memory. A job is never changed: a change puts another one in its place, in a
 * list of the writer's that readers get with the commit. */
#ifndef FD_MEMORY_EMBEDDING_JOBS_H
#define FD_MEMORY_EMBEDDING_JOBS_H

#include <pthread.h>

#include "store.h"

typedef struct fd_memory_job fd_memory_job;

typedef struct fd_memory_job_list {
    fd_memory_job **jobs; /* [n], each with a reference, in the order of their sequences */
    size_t n;
    size_t capacity;
} fd_memory_job_list;

typedef struct fd_memory_embedding_jobs {
    pthread_rwlock_t *lock;       /* the store's */
    fd_memory_job_list committed; /* guarded by the lock */
    fd_memory_job_list changed;   /* the writer's, in a transaction that changes jobs */
    bool is_changed;
    int64_t last; /* sequence */
} fd_memory_embedding_jobs;

void fd_memory_embedding_jobs_clear(fd_memory_embedding_jobs *jobs);

/* The end of a transaction; both are called with the lock held for writing. */
void fd_memory_embedding_jobs_commit(fd_memory_embedding_jobs *jobs);
void fd_memory_embedding_jobs_rollback(fd_memory_embedding_jobs *jobs);

/* As the store's operations. Reading holds the lock over the visits. */
int fd_memory_embedding_job_add(fd_memory_embedding_jobs *jobs, const fd_embedding_job_row *row,
                                const fd_embedding_job_item *items, size_t n, uint64_t most_jobs,
                                uint64_t most_bytes) FD_MUST_CHECK;
int fd_memory_embedding_job_write(fd_memory_embedding_jobs *jobs, const fd_embedding_job_row *row,
                                  const fd_embedding_job_item *items, size_t n) FD_MUST_CHECK;
int fd_memory_embedding_jobs_prune(fd_memory_embedding_jobs *jobs, int64_t before_ms,
                                   size_t keep) FD_MUST_CHECK;
int fd_memory_embedding_jobs_read(const fd_memory_embedding_jobs *jobs, int64_t before,
                                  size_t limit, fd_embedding_job_visit *visit,
                                  void *context) FD_MUST_CHECK;
int fd_memory_embedding_job_items_read(const fd_memory_embedding_jobs *jobs, int64_t sequence,
                                       uint32_t first, fd_embedding_job_item_visit *visit,
                                       void *context) FD_MUST_CHECK;

#endif
