/*
 * The files of an open database, by which it is noticed that they were taken away. SQLite goes on
 * writing to files that were removed, moved or replaced, or whose file system is gone from its
 * place, and what it writes then is lost.
 */
#ifndef FD_DATABASE_FILES_H
#define FD_DATABASE_FILES_H

#include <stdbool.h>
#include <sys/types.h>

#include "macros.h"

/* The database, its log, and the index of the log, through which processes agree. */
enum { FD_DATABASE_FILES = 3 };

typedef struct fd_database_files {
    struct {
        char *path;
        dev_t device;
        ino_t inode;
    } files[FD_DATABASE_FILES];
} fd_database_files;

/* Notes the files as they are now, while SQLite has them open. -errno, -ENOMEM. */
int fd_database_files_note(const char *path, fd_database_files *ret) FD_MUST_CHECK;
void fd_database_files_clear(fd_database_files *files);

/* Whether there is another file at the path of the log or of its index: one of another database,
 * which SQLite would remove when it closes this one. */
bool fd_database_files_have_strangers(const fd_database_files *files);

/* 0 if all files are still at their paths; -ESTALE if one is not; -EIO if that cannot be told.
 * Takes a few microseconds. Of files that were not noted: 0. */
int fd_database_files_check(const fd_database_files *files) FD_MUST_CHECK;

#endif
