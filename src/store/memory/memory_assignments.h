/* Assignments in memory. Only the open ones are kept: nothing reads those that have ended. */
#ifndef FD_MEMORY_ASSIGNMENTS_H
#define FD_MEMORY_ASSIGNMENTS_H

#include <pthread.h>

#include "store.h"

typedef struct fd_memory_assignments {
    pthread_rwlock_t *lock;                         /* the store's */
    struct fd_memory_assignment *by_id;             /* a hash table, guarded by the lock */
    size_t n_changes, capacity;                     /* used by the writer only, like the next one */
    struct fd_memory_assignment **changed;          /* [n_changes] by the transaction */
    unsigned char key[FD_ASSIGNMENT_KEY_SIZE];      /* guarded by the lock */
    bool has_next_key;                              /* of the transaction, like the next one */
    unsigned char next_key[FD_ASSIGNMENT_KEY_SIZE]; /* replaces the key at the commit */
} fd_memory_assignments;

void fd_memory_assignments_init(fd_memory_assignments *assignments, pthread_rwlock_t *lock);
void fd_memory_assignments_clear(fd_memory_assignments *assignments);

/* The caller holds the lock for writing. */
void fd_memory_assignments_commit(fd_memory_assignments *assignments);
void fd_memory_assignments_rollback(fd_memory_assignments *assignments);

/* As the store's operations. Assignments name items below `n_items`. */
int fd_memory_assignments_write(fd_memory_assignments *assignments, size_t n_items,
                                const fd_assignment_row *rows, size_t n) FD_MUST_CHECK;
int fd_memory_assignments_read_open(fd_memory_assignments *assignments,
                                    fd_assignment_row_visit *visit, void *context) FD_MUST_CHECK;
void fd_memory_assignment_key_write(fd_memory_assignments *assignments,
                                    const unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]);
void fd_memory_assignment_key(fd_memory_assignments *assignments,
                              unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]);

#endif
