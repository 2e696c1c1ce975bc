/* Embedding jobs: kept in the store, found, changed and counted. Who embeds is no matter of the
 * engine. */
#ifndef FD_EMBEDDING_JOBS_H
#define FD_EMBEDDING_JOBS_H

#include "engine_options.h"
#include "fault.h"
#include "macros.h"
#include "store.h"

enum {
    FD_EMBEDDING_JOB_ID_SIZE = 33, /* bytes, with the end */
    FD_EMBEDDING_JOBS_KEPT = 1000, /* that have ended */
    FD_EMBEDDING_JOB_DAYS = 7,     /* for which one that has ended is kept, at most */
};

typedef struct fd_embedding_job_limits {
    uint64_t jobs;  /* that have not ended, at most */
    uint64_t bytes; /* of the contents of their items */
} fd_embedding_job_limits;

/* Draws the id of a job. */
void fd_embedding_job_draw_id(char id[static FD_EMBEDDING_JOB_ID_SIZE]);

/* Adds a job with its n items, and drops the oldest that have ended; created_ms of the row is
 * ignored. -EEXIST: its author has used its key; -EBUSY with a fault where a limit is reached. */
int fd_engine_embedding_job_add(fd_engine *engine, const fd_embedding_job_row *row,
                                const fd_embedding_job_item *items, size_t n,
                                const fd_embedding_job_limits *limits,
                                fd_fault *fault) FD_MUST_CHECK;

/* As the store's operation; finished_ms is set with the end. -ECANCELED: it has ended already. */
int fd_engine_embedding_job_write(fd_engine *engine, const fd_embedding_job_row *row,
                                  const fd_embedding_job_item *items, size_t n) FD_MUST_CHECK;

/* In a transaction of the writer: ends a job whose items were added, or adds one that has no
 * sequence yet; and whether it has not ended. -ECANCELED if it has. */
int fd_embedding_job_store_end(fd_engine *engine, const fd_embedding_job_row *row,
                               const fd_added *added) FD_MUST_CHECK;
int fd_embedding_job_store_unfinished(fd_engine *engine,
                                      const fd_embedding_job_row *row) FD_MUST_CHECK;

/* Copies in one block each, which the caller frees. -ENOMEM. By id: -ENOENT. The next one is the
 * oldest that has not ended. *ret is NULL where there is none. */
int fd_engine_embedding_job_find(fd_engine *engine, const char *id,
                                 fd_embedding_job_row **ret) FD_MUST_CHECK;
int fd_engine_embedding_job_of_key(fd_engine *engine, const char *author, const char *key,
                                   fd_embedding_job_row **ret) FD_MUST_CHECK;
int fd_engine_embedding_job_next(fd_engine *engine, fd_embedding_job_row **ret) FD_MUST_CHECK;

/* As the store's operations. */
int fd_engine_embedding_jobs_read(fd_engine *engine, int64_t before, size_t limit,
                                  fd_embedding_job_visit *visit, void *context) FD_MUST_CHECK;
int fd_engine_embedding_job_items(fd_engine *engine, int64_t sequence, uint32_t first,
                                  fd_embedding_job_item_visit *visit, void *context) FD_MUST_CHECK;

/* Sets the gauge of jobs that have not ended. */
void fd_embedding_jobs_gauge(fd_engine *engine);

#endif
