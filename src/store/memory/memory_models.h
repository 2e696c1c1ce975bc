/*
 * Model versions in memory. Unlike other rows they change their state and are deleted, so they are
 * kept as whole lists: the committed one, and the one that a transaction makes of it. A row never
 * changes, and lists share rows.
 *
 * Threads: as for the store. The committed list has a lock of its own.
 */
#ifndef FD_MEMORY_MODELS_H
#define FD_MEMORY_MODELS_H

#include <pthread.h>

#include "store.h"

struct fd_memory_model;

typedef struct fd_memory_model_list {
    size_t count;
    struct fd_memory_model **models; /* [count] references, by ascending version */
} fd_memory_model_list;

typedef struct fd_memory_models {
    pthread_mutex_t lock;
    fd_memory_model_list committed; /* guarded by lock; only the writer changes it */
    bool changed;                   /* a transaction has made `next`; used by the writer only */
    fd_memory_model_list next;      /* the list that a commit publishes; used by the writer only */
} fd_memory_models;

void fd_memory_models_init(fd_memory_models *models);
void fd_memory_models_clear(fd_memory_models *models);
void fd_memory_models_commit(fd_memory_models *models);
void fd_memory_models_rollback(fd_memory_models *models);
size_t fd_memory_models_count(fd_memory_models *models);

/* As the store's operations. */
int fd_memory_model_add(fd_memory_models *models, const fd_model_row *row) FD_MUST_CHECK;
int fd_memory_model_activate(fd_memory_models *models, uint64_t version) FD_MUST_CHECK;
int fd_memory_models_prune(fd_memory_models *models, size_t keep, uint64_t spare,
                           size_t *ret_deleted) FD_MUST_CHECK;
int fd_memory_models_read(fd_memory_models *models, uint64_t highest, size_t limit, bool bytes,
                          fd_model_visit *visit, void *context) FD_MUST_CHECK;

#endif
