/*
 * The lock on a database that keeps every other fisherd away from it: on a file of its own,
 * PATH.lock, which also names the process that holds it, and on the database itself, which may have
 * a second name. The kernel releases both however the process ends. PATH.lock is never removed: two
 * processes could then lock two files of the same name.
 */
#ifndef FD_DATABASE_LOCK_H
#define FD_DATABASE_LOCK_H

#include "fault.h"
#include "macros.h"

/* Two open files; -1: not locked. SQLite's own locks on the database are POSIX locks, which a
 * process loses when it closes any descriptor of the file: release this lock after SQLite has
 * closed its connections. */
typedef struct fd_database_lock {
    int name;
    int database;
} fd_database_lock;

#define FD_DATABASE_NOT_LOCKED ((fd_database_lock){-1, -1})

/*
 * Locks the database at `path`, its real path, which need not exist; messages name it `given`.
 * Returns -EBUSY if another process holds the lock, -EINVAL if PATH.lock is a file of somebody
 * else, or the error of opening a file, all with a fault; -ENOMEM. *ret is not locked then.
 */
int fd_database_lock_take(const char *path, const char *given, fd_database_lock *ret,
                          fd_fault *fault) FD_MUST_CHECK;

/* Does nothing to what is not locked. */
void fd_database_lock_release(fd_database_lock *lock);

#endif
