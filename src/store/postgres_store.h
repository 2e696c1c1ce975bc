/* The store in a PostgreSQL database, which several processes, its replicas, may open at once. */
#ifndef FD_POSTGRES_STORE_H
#define FD_POSTGRES_STORE_H

#include "store.h"

/*
 * Opens the database that a URL names, postgresql://…, and migrates it to the newest schema. Its
 * tables are in the first schema of the search path. Errors, with a fault that explains them and
 * shows no password: -EINVAL the URL cannot be read, or the server would lose what it acknowledges
 * (fsync or synchronous_commit is off); -EBADMSG it has tables of another program;
 * -EPROTONOSUPPORT it is newer than this program, or the server is too old; -EIO it cannot be
 * reached, ….
 */
int fd_store_open_postgres(const char *url, fd_store **ret, fd_fault *fault) FD_MUST_CHECK;

/* Opens it for reading only, as of this moment, even while daemons write. Creates and migrates
 * nothing, so an older schema is -EPROTONOSUPPORT too. `begin` fails with -EROFS. */
int fd_store_open_postgres_read_only(const char *url, fd_store **ret,
                                     fd_fault *fault) FD_MUST_CHECK;

#endif
