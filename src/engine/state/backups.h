/* Backups made while the daemon serves. */
#ifndef FD_BACKUPS_H
#define FD_BACKUPS_H

#include "engine.h"

enum { FD_BACKUP_NAME_SIZE = 101 };

typedef struct fd_backup_made {
    char name[FD_BACKUP_NAME_SIZE];
    fd_backup held;
    double seconds;
} fd_backup_made;

/* Copies what is stored to a new file of the folder for backups while others work; name NULL: one
 * by the time. All failures with a fault or a meaning of their own: -EINVAL no plain name, -EEXIST
 * taken, or there is no folder, -EBUSY one at a time, -ECANCELED closing. */
int fd_engine_back_up(fd_engine *engine, const char *name, fd_backup_made *ret,
                      fd_fault *fault) FD_MUST_CHECK;

#endif
