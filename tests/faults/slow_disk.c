/* A library to preload. Each fsync and fdatasync takes SHIM_SYNC_MS milliseconds longer. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef int sync_function(int file);

static void wait_first(void) {
    const char *text = getenv("SHIM_SYNC_MS");
    long milliseconds = text ? strtol(text, NULL, 10) : 0;
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
}

/* The next function with this name: libc's. */
#define NEXT(name)                                                                                 \
    static sync_function *next;                                                                    \
    if (!next)                                                                                     \
    *(void **)&next = dlsym(RTLD_NEXT, name)

int fsync(int file) {
    NEXT("fsync");
    wait_first();
    return next(file);
}

int fdatasync(int file) {
    NEXT("fdatasync");
    wait_first();
    return next(file);
}
