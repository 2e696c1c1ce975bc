/* The paths of a database: PATH itself, and the files that SQLite keeps next to it. */
#ifndef FD_SQLITE_PATHS_H
#define FD_SQLITE_PATHS_H

#include <stdbool.h>

#include "fault.h"
#include "macros.h"

/* The suffixes of the files that hold data: the database, its log, and the journal of a database
 * that is being made. The log and the journal belong to that one database; SQLite would apply them
 * to any other one that has its name. */
enum { FD_SQLITE_PARTS = 3 };
extern const char *const fd_sqlite_parts[FD_SQLITE_PARTS];

/* PATH and a suffix, which the caller frees; NULL: out of memory. */
char *fd_sqlite_join(const char *path, const char *suffix);

/* The real path of a regular file that exists, which the caller frees: a database has one lock,
 * whatever link leads to it. Errors have a fault that names the file `given`. */
int fd_sqlite_real_path(const char *given, char **ret, fd_fault *fault) FD_MUST_CHECK;

/* -EINVAL with a fault if the file is mounted alone, without its folder: its log would be left
 * outside the mount, and with it the newest changes. */
int fd_sqlite_refuse_mounted_alone(const char *path, const char *given,
                                   fd_fault *fault) FD_MUST_CHECK;

/* Whether any part of a database exists. */
bool fd_sqlite_exists(const char *path);

/* Removes what exists of a log and a journal; the second one also removes the database. */
void fd_sqlite_remove_log(const char *path);
void fd_sqlite_remove(const char *path);

/* Brings the names in the folder of `path` to the disk. */
int fd_sqlite_sync_folder_of(const char *path) FD_MUST_CHECK;

#endif
