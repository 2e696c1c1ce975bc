/* The paths of a database: its files by name, whether they exist, and their folder. */
#include "sqlite_paths.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"

const char *const fd_sqlite_parts[] = {"", "-wal", "-journal"};

char *fd_sqlite_join(const char *path, const char *suffix) {
    char *joined = NULL;
    return asprintf(&joined, "%s%s", path, suffix) < 0 ? NULL : joined;
}

int fd_sqlite_real_path(const char *given, char **ret, fd_fault *fault) {
    FD_FREE char *real = realpath(given, NULL);
    struct stat about;
    if (!real || stat(real, &about) < 0) {
        int r = -errno;
        return fd_fault_set(fault, r, "", "%s cannot be opened: %s", given, strerror(-r));
    }
    if (S_ISDIR(about.st_mode))
        return fd_fault_set(fault, -EISDIR, "", "%s is a folder, not a fisherd database", given);
    if (!S_ISREG(about.st_mode))
        return fd_fault_set(fault, -EBADMSG, "", "%s is not a file, so not a fisherd database",
                            given);
    *ret = FD_STEAL(real);
    return 0;
}

int fd_sqlite_refuse_mounted_alone(const char *path, const char *given, fd_fault *fault) {
    struct statx about = {0};
    if (statx(AT_FDCWD, path, 0, 0, &about) < 0 ||
        (about.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) /* older kernels do not say */
        return 0;
    return fd_fault_set(fault, -EINVAL, "",
                        "%s is mounted alone, so its log %s-wal would be left outside the mount: "
                        "mount the folder",
                        given, given);
}

bool fd_sqlite_exists(const char *path) {
    bool found = false;
    for (size_t i = 0; i < FD_SQLITE_PARTS; i++) {
        FD_FREE char *name = fd_sqlite_join(path, fd_sqlite_parts[i]);
        found = found || !name || access(name, F_OK) == 0;
    }
    return found;
}

void fd_sqlite_remove_log(const char *path) {
    static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
    for (size_t i = 0; i < FD_LENGTH(suffixes); i++) {
        FD_FREE char *name = fd_sqlite_join(path, suffixes[i]);
        if (name)
            (void)unlink(name);
    }
}

void fd_sqlite_remove(const char *path) {
    (void)unlink(path);
    fd_sqlite_remove_log(path);
}

int fd_sqlite_sync_folder_of(const char *path) {
    FD_FREE char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    FD_CLOSE int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder < 0 || fsync(folder) < 0 ? -errno : 0;
}
