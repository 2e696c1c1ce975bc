/* Shared files in memory: bytes under a name. */
#ifndef FD_MEMORY_SHARED_FILES_H
#define FD_MEMORY_SHARED_FILES_H

#include <pthread.h>

#include "store.h"

typedef struct fd_memory_shared_files {
    pthread_rwlock_t *lock; /* the store's; guards the list */
    size_t n, capacity;
    struct fd_memory_shared_file **files; /* [n] */
} fd_memory_shared_files;

void fd_memory_shared_files_clear(fd_memory_shared_files *files);

/* The store's operations. */
int fd_memory_shared_file_write(fd_memory_shared_files *files, const char *name, const void *bytes,
                                size_t size, uint64_t replaced) FD_MUST_CHECK;
int fd_memory_shared_file_read(const fd_memory_shared_files *files, const char *name,
                               uint64_t known, fd_shared_file_visit *visit,
                               void *context) FD_MUST_CHECK;

#endif
