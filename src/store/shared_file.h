/* Shared files: bytes under a name. What a daemon of one process keeps in files beside its
 * database, replicas keep in their store, as well as what one of them asks another for. */
#ifndef FD_SHARED_FILE_H
#define FD_SHARED_FILE_H

#include <stddef.h>
#include <stdint.h>

typedef struct fd_shared_file {
    const char *name;
    uint64_t version; /* from 1; each writing adds 1 */
    const void *bytes;
    size_t size;
} fd_shared_file;

typedef int fd_shared_file_visit(void *context, const fd_shared_file *file);

#endif
