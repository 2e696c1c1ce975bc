/* Backups on demand. */
#ifndef FD_SQLITE_BACKUP_H
#define FD_SQLITE_BACKUP_H

#include "store.h"

/* The store's operation. */
int fd_sqlite_back_up(fd_store *store, const char *to, bool (*go_on)(void *context), void *context,
                      fd_backup *ret, fd_fault *fault) FD_MUST_CHECK;

#endif
