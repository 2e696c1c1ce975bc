/* Shared files in the database: bytes under a name. */
#ifndef FD_SQLITE_SHARED_FILES_H
#define FD_SQLITE_SHARED_FILES_H

#include "store.h"

/* The store's operations. */
int fd_sqlite_shared_file_write(fd_store *store, const char *name, const void *bytes, size_t size,
                                uint64_t replaced) FD_MUST_CHECK;
int fd_sqlite_shared_file_read(fd_store *store, const char *name, uint64_t known,
                               fd_shared_file_visit *visit, void *context) FD_MUST_CHECK;

#endif
