#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

static int read_holder(int file) {
    char text[16] = "";
    ssize_t size = pread(file, text, sizeof(text) - 1, 0);
    long process = size > 0 ? strtol(text, NULL, 10) : 0;
    return process > 0 && process <= INT_MAX ? (int)process : 0;
}

/* Only for the message that a second opener gets, so that a failure does not matter. */
static void write_holder(int file) {
    if (ftruncate(file, 0) == 0)
        (void)dprintf(file, "%d\n", (int)getpid());
}

int fd_lock_take(const char *path, int *ret, int *holder) {
    *holder = 0;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        return -errno;

    int r;
    do
        r = flock(file, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
    while (r == -EINTR);
    if (r == -EWOULDBLOCK) {
        r = -EBUSY;
        *holder = read_holder(file);
    }
    if (r < 0) {
        (void)close(file);
        return r;
    }
    write_holder(file);
    *ret = file;
    return 0;
}

void fd_lock_release(int lock) {
    if (lock >= 0)
        (void)close(lock);
}
