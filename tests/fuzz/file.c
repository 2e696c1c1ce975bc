/* The input as a file in memory, which has a path. */
#include "file.h"

#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const char *fuzz_file(const uint8_t *data, size_t size) {
    static int fd = -1;
    static char path[32];
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    assert(fd >= 0);
    int r = fchmod(fd, 0600); /* the mode that files with secrets must have */
    assert(r == 0);
    r = ftruncate(fd, 0);
    assert(r == 0);
    ssize_t written = pwrite(fd, data, size, 0);
    assert(written == (ssize_t)size);
    return path;
}
