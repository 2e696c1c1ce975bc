/* Backups made while the daemon serves. */
#ifndef FD_BACKUPS_H
#define FD_BACKUPS_H

#include "engine_options.h"
#include "fault.h"
#include "macros.h"
#include "store_rows.h"

enum { FD_BACKUP_NAME_SIZE = 101 };

typedef struct fd_backup_made {
    char name[FD_BACKUP_NAME_SIZE];
    fd_backup held; /* what the file holds */
    double seconds;
} fd_backup_made;

/* Copies what is committed to a new file of the backup folder while requests go on. Without a name
 * the file is named after the time. -EINVAL for a name that is not plain, -EEXIST if the file
 * exists or the folder is not set, -EBUSY while another backup runs, all with a fault; -ECANCELED
 * while the engine closes, -ENOSPC and other results of the disk without one. */
int fd_engine_back_up(fd_engine *engine, const char *name, fd_backup_made *ret,
                      fd_fault *fault) FD_MUST_CHECK;

#endif
