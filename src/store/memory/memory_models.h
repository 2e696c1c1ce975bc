/*
 * The models of the store in memory. They come, change their state and go, so unlike the other rows
 * they are in lists of their own: what is committed, and what a transaction makes of it. Rows
 * never change; lists share them.
 *
 * Threads: as for the store; the list that is committed has a lock of its own.
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
    bool changed;                   /* the writer's, as is the next */
    fd_memory_model_list next;      /* what the transaction leaves, once it changed something */
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
