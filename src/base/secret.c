/* Files with secrets: finding, reading and replacing them. */
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"
#include "file_owner.h"

int fd_secret_path(const char *option, const char *name, const char *otherwise, char **ret) {
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    *ret = NULL;
    if (option[0] == '\0' && folder && asprintf(ret, "%s/%s", folder, name) < 0)
        return -ENOMEM;
    if (*ret && access(*ret, F_OK) == 0)
        return 0;
    free(*ret);
    *ret = strdup(option[0] != '\0' ? option : otherwise);
    return *ret ? 0 : -ENOMEM;
}

/* ---- reading ---- */

static bool is_credential(const char *path) {
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    size_t length = folder ? strlen(folder) : 0;
    return length > 0 && strncmp(path, folder, length) == 0 && path[length] == '/';
}

static int refuse(fd_fault *fault, int error, const char *path, const char *why) {
    return fd_fault_set(fault, error, "", "%s %s", path, why);
}

static int check_file(int file, const char *path, size_t most, size_t *ret_size, fd_fault *fault) {
    struct stat status;
    if (fstat(file, &status) < 0)
        return refuse(fault, -errno, path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return refuse(fault, -EINVAL, path, "is not a regular file");
    if ((status.st_mode & (is_credential(path) ? S_IRWXO : S_IRWXG | S_IRWXO)) != 0)
        return refuse(fault, -EACCES, path, "is open to users other than its owner (chmod 600)");
    if (status.st_size < 0 || (size_t)status.st_size > most)
        return refuse(fault, -EFBIG, path, "is too large");
    *ret_size = (size_t)status.st_size;
    return 0;
}

static int read_all(int file, char *bytes, size_t most, size_t *ret_size) {
    *ret_size = 0;
    while (*ret_size < most) {
        ssize_t got = read(file, bytes + *ret_size, most - *ret_size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        *ret_size += (size_t)got;
    }
    bytes[*ret_size] = '\0';
    return 0;
}

int fd_secret_read(const char *path, size_t most, char **ret, size_t *ret_size, fd_fault *fault) {
    /* O_NONBLOCK: opening a pipe would otherwise wait for its writer. */
    FD_CLOSE int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return fd_fault_set(fault, -errno, "", "%s cannot be opened: %s", path, strerror(errno));
    size_t size = 0;
    int r = check_file(file, path, most, &size, fault);
    if (r < 0)
        return r;
    char *bytes = malloc(size + 1);
    if (!bytes)
        return -ENOMEM;
    r = read_all(file, bytes, size, ret_size);
    if (r < 0) {
        free(bytes);
        return refuse(fault, r, path, strerror(-r));
    }
    *ret = bytes;
    return 0;
}

/* ---- writing ---- */

static int write_all(int file, const char *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t put = write(file, bytes + done, size - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        done += (size_t)put;
    }
    return fsync(file) < 0 ? -errno : 0;
}

static int open_folder(const char *path) {
    FD_FREE char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder < 0 ? -errno : folder;
}

int fd_secret_write(const char *path, const char *bytes, size_t size, fd_fault *fault) {
    FD_FREE char *temporary = NULL;
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
        temporary = NULL;
        return -ENOMEM;
    }
    FD_CLOSE int file = mkostemp(temporary, O_CLOEXEC);
    if (file < 0)
        return fd_fault_set(fault, -errno, "", "%s cannot be created: %s", temporary,
                            strerror(errno));
    FD_CLOSE int folder = open_folder(path);
    int r = folder < 0 ? folder : fd_file_owner_like(file, path);
    if (r == 0)
        r = write_all(file, bytes, size);
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlink(temporary);
        return fd_fault_set(fault, r, "", "%s cannot be written: %s", path, strerror(-r));
    }
    /* The new name is on disk once the folder is synced. */
    return fsync(folder) < 0 ? refuse(fault, -errno, path, "is written, but may not be on disk yet")
                             : 0;
}
