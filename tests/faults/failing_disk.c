/*
 * A library to preload. While the file SHIM_SWITCH holds "read", "write" or "sync", such calls on
 * files in SHIM_FOLDER fail with EIO.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Calls only functions that are not replaced below. */
static bool is_in_folder(int file) {
    const char *folder = getenv("SHIM_FOLDER");
    char link[40], path[1024];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof(path) - 1);
    path[length > 0 ? length : 0] = '\0';
    return folder && strncmp(path, folder, strlen(folder)) == 0;
}

static bool fails(int file, const char *call) {
    const char *name = getenv("SHIM_SWITCH");
    char text[16] = "";
    int kept = errno, position = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (position >= 0) {
        ssize_t size = read(position, text, sizeof(text) - 1);
        text[size > 0 ? size : 0] = '\0';
        (void)close(position);
    }
    bool hit = strcmp(text, call) == 0 && is_in_folder(file);
    errno = hit ? EIO : kept;
    return hit;
}

/* The next function with this name: libc's. */
#define NEXT(name, type)                                                                           \
    static type *next;                                                                             \
    if (!next)                                                                                     \
    *(void **)&next = dlsym(RTLD_NEXT, name)

typedef ssize_t read_function(int file, void *bytes, size_t size, off_t offset);
typedef ssize_t write_function(int file, const void *bytes, size_t size, off_t offset);
typedef int sync_function(int file);

ssize_t pread64(int file, void *bytes, size_t size, off_t offset) {
    NEXT("pread64", read_function);
    return fails(file, "read") ? -1 : next(file, bytes, size, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off_t offset) {
    NEXT("pwrite64", write_function);
    return fails(file, "write") ? -1 : next(file, bytes, size, offset);
}

int fsync(int file) {
    NEXT("fsync", sync_function);
    return fails(file, "sync") ? -1 : next(file);
}

int fdatasync(int file) {
    NEXT("fdatasync", sync_function);
    return fails(file, "sync") ? -1 : next(file);
}
