/* Blocks of components in memory: what a transaction changes lies in lists until the commit. */
#ifndef FD_MEMORY_COMPONENT_BLOCKS_H
#define FD_MEMORY_COMPONENT_BLOCKS_H

#include <pthread.h>

#include "store.h"

struct fd_memory_component_block;

typedef struct fd_memory_component_blocks {
    pthread_rwlock_t *lock;                   /* the store's */
    struct fd_memory_component_block *blocks; /* by inputs and number; guarded by the lock */
    struct fd_memory_component_block *next;   /* the same with the changes of the transaction */
    bool has_changed;                         /* the writer's own, as `next` */
} fd_memory_component_blocks;

int fd_memory_component_block_write(fd_memory_component_blocks *blocks,
                                    const fd_component_block *block) FD_MUST_CHECK;
int fd_memory_component_blocks_prune(fd_memory_component_blocks *blocks, const char *inputs,
                                     size_t limit, size_t *ret_deleted) FD_MUST_CHECK;
int fd_memory_component_blocks_read(const fd_memory_component_blocks *blocks, const char *inputs,
                                    uint32_t first, fd_component_block_visit *visit,
                                    void *context) FD_MUST_CHECK;

/* Called with the lock held; cannot fail. */
void fd_memory_component_blocks_commit(fd_memory_component_blocks *blocks);
void fd_memory_component_blocks_rollback(fd_memory_component_blocks *blocks);
void fd_memory_component_blocks_clear(fd_memory_component_blocks *blocks);

#endif
