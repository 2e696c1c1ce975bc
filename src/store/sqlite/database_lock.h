/*
 * The lock on a database that keeps every other fisherd away from it. It is a lock on a file of its
 * own, PATH.lock, which the kernel releases however the process ends. That file is never removed:
 * two processes could then lock two files of the same name.
 */
#ifndef FD_DATABASE_LOCK_H
#define FD_DATABASE_LOCK_H

#include "fault.h"
#include "macros.h"

/*
 * Locks the database at `path`, its real path; messages name it `given`. Returns -EBUSY if another
 * process holds the lock, or the error of opening PATH.lock, both with a fault; -ENOMEM.
 */
int fd_database_lock_take(const char *path, const char *given, int *ret,
                          fd_fault *fault) FD_MUST_CHECK;

/* Does nothing for -1. */
void fd_database_lock_release(int lock);

static inline void fd_database_lock_releasep(int *lock) {
    fd_database_lock_release(*lock);
}

#endif
