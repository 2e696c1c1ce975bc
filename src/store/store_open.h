/* Opens the store that the option `db` names: an SQLite database by its path, or a PostgreSQL one,
 * which several replicas share, by its URL. */
#ifndef FD_STORE_OPEN_H
#define FD_STORE_OPEN_H

#include "store.h"

/* Whether it is a URL, postgresql://… or postgres://…, and not a path. */
bool fd_store_is_url(const char *db);

/* What to call the store in messages: a URL without its password, a path as it is. The caller frees
 * *ret. -ENOMEM. */
int fd_store_name(const char *db, char **ret) FD_MUST_CHECK;

/* Opens it for writing, and creates or migrates it if need be. -EINVAL: a copy into it is not
 * finished. Errors have a fault. */
int fd_store_open(const char *db, fd_store **ret, fd_fault *fault) FD_MUST_CHECK;

/* The same, for fd_engine_open, which finishes the opening: the store is checked for damage while
 * the engine reads it. */
int fd_store_open_early(const char *db, fd_store **ret, fd_fault *fault) FD_MUST_CHECK;

static inline int fd_store_finish_opening(fd_store *store, fd_fault *fault) {
    return store->operations->finish_opening ? store->operations->finish_opening(store, fault) : 0;
}

/* As fd_store_open, but takes an unfinished copy too. */
int fd_store_open_unfinished(const char *db, fd_store **ret, fd_fault *fault) FD_MUST_CHECK;

/* Opens one that exists, for reading only, also while others have it open. */
int fd_store_open_read_only(const char *db, fd_store **ret, fd_fault *fault) FD_MUST_CHECK;

/* Opens one that exists, for reading only, and keeps other processes from writing it. -EBUSY: one
 * has it open. A store of replicas is opened for writing: its replicas are looked for by the
 * caller. */
int fd_store_open_still(const char *db, fd_store **ret, fd_fault *fault) FD_MUST_CHECK;

#endif
