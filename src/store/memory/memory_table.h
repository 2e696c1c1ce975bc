/*
 * A table of rows in the order of their arrival. The writer adds and drops rows; readers see those
 * that are committed. A row never changes, so a reader needs the lock only to fetch its address.
 */
#ifndef FD_MEMORY_TABLE_H
#define FD_MEMORY_TABLE_H

#include <pthread.h>
#include <stddef.h>

#include "macros.h"

typedef struct fd_memory_table {
    pthread_rwlock_t *lock; /* the store's */
    void **rows;            /* owned; moves under the lock */
    size_t capacity;
    size_t count;     /* used by the writer only */
    size_t committed; /* guarded by the lock */
} fd_memory_table;

/* Makes room for one more row. -ENOMEM. */
int fd_memory_table_reserve(fd_memory_table *table) FD_MUST_CHECK;

/* The committed row at an index, or NULL if there is none. */
const void *fd_memory_table_at(const fd_memory_table *table, size_t index);

/* Frees the table and all rows, each one allocation. */
void fd_memory_table_clear(fd_memory_table *table);

#endif
