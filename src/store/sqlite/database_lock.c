/* The lock on a database: flock() on a file that also names the process that holds it. */
#include "database_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "sqlite_paths.h"

/* The process that holds the lock, or 0 if the file does not say. */
static int read_holder(int file) {
    char text[10] = ""; /* as many digits as any int has */
    return pread(file, text, sizeof(text) - 1, 0) > 0 ? (int)strtol(text, NULL, 10) : 0;
}

/* Only for the message to a second process, so a failure does not matter. */
static void write_holder(int file) {
    if (ftruncate(file, 0) == 0)
        (void)dprintf(file, "%d\n", (int)getpid());
}

static int lock_file(const char *path, int *ret, int *ret_holder) {
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        return -errno;
    if (flock(file, LOCK_EX | LOCK_NB) < 0) {
        int r = errno == EWOULDBLOCK ? -EBUSY : -errno;
        *ret_holder = read_holder(file);
        (void)close(file);
        return r;
    }
    write_holder(file);
    *ret = file;
    return 0;
}

int fd_database_lock_take(const char *path, const char *given, int *ret, fd_fault *fault) {
    FD_FREE char *name = fd_sqlite_join(path, ".lock");
    if (!name)
        return -ENOMEM;
    int holder = 0;
    int r = lock_file(name, ret, &holder);
    if (r == -EBUSY && holder > 0)
        return fd_fault_set(fault, r, "", "%s is in use by another process, %d", given, holder);
    if (r == -EBUSY)
        return fd_fault_set(fault, r, "", "%s is in use by another process", given);
    if (r < 0)
        return fd_fault_set(fault, r, "", "%s.lock cannot be locked: %s", given, strerror(-r));
    return 0;
}

void fd_database_lock_release(int lock) {
    if (lock >= 0)
        (void)close(lock);
}
