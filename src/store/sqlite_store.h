/* The store in an SQLite database: opening it, restoring a backup, asking for its schema. */
#ifndef FD_SQLITE_STORE_H
#define FD_SQLITE_STORE_H

#include "store.h"

/*
 * Opens or creates an SQLite database, takes the lock that keeps every other fisherd away, and
 * migrates the database to the newest schema. A database that holds data is copied to
 * PATH.before-NNNN first. Errors, with a fault that explains them: -EBUSY another process holds the
 * database, -EBADMSG it is not a fisherd database or damaged, -EPROTONOSUPPORT it is newer than
 * this program, -EACCES, -ENOENT, ….
 */
int fd_store_open_sqlite(const char *path, fd_store **ret, fd_fault *fault) FD_MUST_CHECK;

/* The same, but while pages are still looked at: finish_opening waits for what they tell. */
int fd_store_open_sqlite_early(const char *path, fd_store **ret, fd_fault *fault) FD_MUST_CHECK;

/*
 * Opens an existing database for reading only, even while a daemon holds it. Creates, migrates and
 * locks nothing, so an older schema is -EPROTONOSUPPORT too. `begin` fails with -EROFS.
 */
int fd_store_open_sqlite_read_only(const char *path, fd_store **ret, fd_fault *fault) FD_MUST_CHECK;

/* The same, while no other fisherd has it open: takes the lock and changes nothing. -EBUSY. */
int fd_store_open_sqlite_still(const char *path, fd_store **ret, fd_fault *fault) FD_MUST_CHECK;

/* Looks at a store that is open for reading only; returns 0 to accept it. */
typedef int fd_store_visit(void *context, fd_store *store);

/*
 * Copies the database `from`, migrates the copy to the newest schema, lets `check` look at it, and
 * puts it at `path` if `check` returned 0, with the owner and the rights of the file that it
 * replaces, or with the owner of the folder if root restores a new one. An existing database is
 * kept under another name, which the caller frees; *ret_kept is NULL if there was none. -EBUSY: a
 * fisherd holds `path`; -EEXIST: a database exists and `replace` is false. All errors have a fault,
 * and have changed nothing.
 */
int fd_store_restore_sqlite(const char *path, const char *from, bool replace, fd_store_visit *check,
                            void *context, char **ret_kept, fd_fault *fault) FD_MUST_CHECK;

/* The number of a schema: of the file as it was opened (0: it was new), and as it is now. */
typedef struct fd_schema {
    uint32_t found;
    uint32_t current;
} fd_schema;

/* For a store in an SQLite database only. */
fd_schema fd_store_sqlite_schema(const fd_store *store);

#endif
