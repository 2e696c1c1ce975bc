/* The lock on a database: flock() on PATH.lock and on the database itself. */
#include "database_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_owner.h"
#include "sqlite_paths.h"

enum { HOLDER_SIZE = 16 }; /* more than any number of a process and a line end */

/* ---- the process that holds it ---- */

/* The process that holds the lock, or 0 if the file does not say. */
static int read_holder(int file) {
    char text[10] = ""; /* as many digits as any int has */
    return pread(file, text, sizeof(text) - 1, 0) > 0 ? (int)strtol(text, NULL, 10) : 0;
}

/* Whether the file holds nothing but a number, or what a crash makes of one, and has no other name:
 * everything else is not ours to overwrite. */
static bool is_ours(int file) {
    char text[HOLDER_SIZE + 1];
    struct stat about;
    ssize_t length = pread(file, text, sizeof(text), 0);
    if (length < 0 || length > HOLDER_SIZE || fstat(file, &about) < 0 || !S_ISREG(about.st_mode) ||
        about.st_nlink != 1)
        return false;
    for (ssize_t i = 0; i < length; i++)
        if ((text[i] < '0' || text[i] > '9') && text[i] != '\n' && text[i] != '\0')
            return false;
    return true;
}

/* Only for the message to a second process, so a failure does not matter. */
static void write_holder(int file) {
    if (ftruncate(file, 0) == 0)
        (void)dprintf(file, "%d\n", (int)getpid());
}

/* ---- locking ---- */

static int lock_open_file(int file) {
    if (flock(file, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

/* A new file gets the owner of the database, whose daemon must be able to open it later. */
static int open_name(const char *name, const char *path) {
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    int file = open(name, flags | O_CREAT | O_EXCL, 0600);
    if (file < 0)
        return errno == EEXIST && (file = open(name, flags)) >= 0 ? file : -errno;
    int r = fd_file_owner_like(file, path);
    if (r == 0)
        return file;
    (void)close(file);
    return r;
}

static int lock_name(const char *name, const char *path, int *ret, int *ret_holder) {
    int file = open_name(name, path);
    if (file < 0)
        return file;
    int r = lock_open_file(file);
    if (r == -EBUSY)
        *ret_holder = read_holder(file);
    else if (r == 0 && !is_ours(file))
        r = -EINVAL;
    if (r < 0) {
        (void)close(file);
        return r;
    }
    write_holder(file);
    *ret = file;
    return 0;
}

static int lock_database(const char *path, int *ret) {
    int file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return errno == ENOENT ? 0 : -errno;
    int r = lock_open_file(file);
    if (r < 0)
        (void)close(file);
    else
        *ret = file;
    return r;
}

static int name_fault(int error, int holder, const char *given, fd_fault *fault) {
    if (error == -EBUSY && holder > 0)
        return fd_fault_set(fault, error, "", "%s is in use by another process, %d", given, holder);
    if (error == -EBUSY)
        return fd_fault_set(fault, error, "", "%s is in use by another process", given);
    if (error == -ELOOP)
        return fd_fault_set(fault, error, "", "%s.lock is a symbolic link; fisherd follows none",
                            given);
    if (error == -EINVAL)
        return fd_fault_set(fault, error, "", "%s.lock is not a lock of fisherd's; it is unchanged",
                            given);
    return fd_fault_set(fault, error, "", "%s.lock cannot be locked: %s", given, strerror(-error));
}

int fd_database_lock_take(const char *path, const char *given, fd_database_lock *ret,
                          fd_fault *fault) {
    FD_CLEANUP(fd_database_lock_release) fd_database_lock lock = FD_DATABASE_NOT_LOCKED;
    FD_FREE char *name = fd_sqlite_join(path, ".lock");
    if (!name)
        return -ENOMEM;
    int holder = 0;
    int r = lock_name(name, path, &lock.name, &holder);
    if (r < 0)
        return name_fault(r, holder, given, fault);
    r = lock_database(path, &lock.database);
    if (r == -EBUSY)
        return fd_fault_set(fault, r, "", "%s is in use by another process, under another name",
                            given);
    if (r < 0)
        return fd_fault_set(fault, r, "", "%s cannot be locked: %s", given, strerror(-r));
    *ret = lock;
    lock = FD_DATABASE_NOT_LOCKED;
    return 0;
}

void fd_database_lock_release(fd_database_lock *lock) {
    if (lock->database >= 0)
        (void)close(lock->database);
    if (lock->name >= 0)
        (void)close(lock->name);
    *lock = FD_DATABASE_NOT_LOCKED;
}
