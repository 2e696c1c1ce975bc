/* The store in an SQLite database: open it, restore a backup over it, ask for its schema. */
#ifndef FD_SQLITE_STORE_H
#define FD_SQLITE_STORE_H

#include "store.h"

/*
 * Opens or creates an SQLite database, takes the lock that keeps every other fisherd away, and
 * brings it to the newest schema (with a backup beside it before migrating a database that holds
 * data). On failure `fault` says why in words: -EBUSY held by another process, -EBADMSG not a
 * fisherd database or damaged, -EPROTONOSUPPORT newer than this program, -EACCES, -ENOENT, ….
 */
int fd_store_open_sqlite(const char *path, fd_store **ret, fd_fault *fault) FD_MUST_CHECK;

/*
 * Opens a database that is there for reading alone, also beside a daemon that holds it: creates,
 * migrates and locks nothing; an older schema is -EPROTONOSUPPORT too. begin fails with -EROFS.
 */
int fd_store_open_sqlite_read_only(const char *path, fd_store **ret, fd_fault *fault) FD_MUST_CHECK;

/*
 * Puts a copy of the database `from`, brought to the newest schema, in the place of `path`, once
 * `check` has looked at it, open for reading alone, and returned 0. -EBUSY: a fisherd holds `path`;
 * -EEXIST: there is something, and it is not to be replaced; otherwise what was there is kept under
 * a name of its own, which the caller frees (*ret_kept is NULL where nothing was there). All with a
 * fault; then nothing has changed.
 */
typedef int fd_store_visit(void *context, fd_store *store);
int fd_store_restore_sqlite(const char *path, const char *from, bool replace, fd_store_visit *check,
                            void *context, char **ret_kept, fd_fault *fault) FD_MUST_CHECK;

/* The schema's number as it was found (0: a new database) and as it is, of an SQLite store. */
typedef struct fd_schema {
    uint32_t found;
    uint32_t current;
} fd_schema;
fd_schema fd_store_sqlite_schema(const fd_store *store);

#endif
