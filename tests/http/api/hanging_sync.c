/* A disk that hangs, by LD_PRELOAD: each sync waits while the file HANG_WHILE exists. The first one
 * that waits creates HANG_WHILE.waiting. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int wait_and_call(const char *name, int file) {
    const char *path = getenv("HANG_WHILE");
    while (path && access(path, F_OK) == 0) {
        char waiting[4096];
        (void)snprintf(waiting, sizeof(waiting), "%s.waiting", path);
        (void)close(open(waiting, O_CREAT | O_WRONLY, 0600));
        (void)usleep(5000);
    }
    int (*call)(int);
    *(void **)&call = dlsym(RTLD_NEXT, name);
    return call(file);
}

int fsync(int file) {
    return wait_and_call("fsync", file);
}

int fdatasync(int file) {
    return wait_and_call("fdatasync", file);
}
