/* Notes the files of an open database, and compares them with what is at their paths. */
#include "database_files.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "sqlite_paths.h"

static const char *const suffixes[FD_DATABASE_FILES] = {"", "-wal", "-shm"};

int fd_database_files_note(const char *path, fd_database_files *ret) {
    for (size_t i = 0; i < FD_DATABASE_FILES; i++) {
        struct stat about;
        ret->files[i].path = fd_sqlite_join(path, suffixes[i]);
        if (!ret->files[i].path)
            return -ENOMEM;
        if (stat(ret->files[i].path, &about) < 0)
            return -errno;
        ret->files[i].device = about.st_dev;
        ret->files[i].inode = about.st_ino;
    }
    return 0;
}

void fd_database_files_clear(fd_database_files *files) {
    for (size_t i = 0; i < FD_DATABASE_FILES; i++)
        free(files->files[i].path);
    *files = (fd_database_files){0};
}

/* 0, -ESTALE or -EIO as below, and -ENOENT: there is no file at the path. */
static int check_file(const fd_database_files *files, size_t i) {
    struct stat about;
    if (stat(files->files[i].path, &about) < 0)
        return errno == ENOENT || errno == ENOTDIR ? -ENOENT : -EIO;
    bool is_same = about.st_dev == files->files[i].device && about.st_ino == files->files[i].inode;
    return is_same ? 0 : -ESTALE;
}

int fd_database_files_check(const fd_database_files *files) {
    for (size_t i = 0; i < FD_DATABASE_FILES && files->files[i].path; i++) {
        int r = check_file(files, i);
        if (r < 0)
            return r == -ENOENT ? -ESTALE : r;
    }
    return 0;
}

bool fd_database_files_have_strangers(const fd_database_files *files) {
    for (size_t i = 1; i < FD_DATABASE_FILES && files->files[i].path; i++)
        if (check_file(files, i) == -ESTALE)
            return true;
    return false;
}
