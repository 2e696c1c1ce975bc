/* Gives files that root makes to the user of the service. */
#include "file_owner.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int fd_file_owner_like(int file, const char *path) {
    struct stat owner, now;
    if (geteuid() != 0)
        return 0;
    if (stat(path, &owner) < 0) {
        FD_FREE char *copy = strdup(path);
        if (!copy)
            return -ENOMEM;
        if (stat(dirname(copy), &owner) < 0)
            return -errno;
    }
    if (fstat(file, &now) < 0)
        return -errno;
    /* Under the system call filter of the unit nobody may change owners, even to the same ones. */
    if (now.st_uid == owner.st_uid && now.st_gid == owner.st_gid)
        return 0;
    return fchown(file, owner.st_uid, owner.st_gid) < 0 ? -errno : 0;
}
