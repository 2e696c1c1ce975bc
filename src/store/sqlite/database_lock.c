#include "database_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

static int read_holder(int file) {
    char text[10] = ""; /* as many digits as any int holds */
    return pread(file, text, sizeof(text) - 1, 0) > 0 ? (int)strtol(text, NULL, 10) : 0;
}

/* Only for the message that a second opener gets, so that a failure does not matter. */
static void write_holder(int file) {
    if (ftruncate(file, 0) == 0)
        (void)dprintf(file, "%d\n", (int)getpid());
}

int fd_file_lock_take(const char *path, int *ret, int *holder) {
    *holder = 0;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        return -errno;

    if (flock(file, LOCK_EX | LOCK_NB) < 0) {
        int r = errno == EWOULDBLOCK ? -EBUSY : -errno;
        *holder = read_holder(file);
        (void)close(file);
        return r;
    }
    write_holder(file);
    *ret = file;
    return 0;
}

void fd_file_lock_release(int lock) {
    if (lock >= 0)
        (void)close(lock);
}
