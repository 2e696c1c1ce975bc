/* The SQLite backend behind a store: the connection that writes, those that read, and the log. */
#ifndef FD_SQLITE_BACKEND_H
#define FD_SQLITE_BACKEND_H

#include "database_files.h"
#include "database_lock.h"
#include "page_check.h"
#include "sqlite_connection.h"
#include "sqlite_readers.h"
#include "sqlite_store.h"
#include "store.h"
#include "write_ahead_log.h"

typedef struct fd_sqlite_store {
    fd_store store;
    char *path;              /* the real one */
    fd_database_lock lock;   /* not taken when read-only; then there is no writer either */
    fd_database_files files; /* noted when it is open for writing */
    fd_schema schema;
    fd_sqlite_connection writer; /* used by the writing thread only, as is the log */
    fd_write_ahead_log log;
    fd_sqlite_readers readers;
    fd_page_check page_check; /* begun by opening early */
} fd_sqlite_store;

static inline fd_sqlite_store *fd_sqlite_store_of(fd_store *store) {
    return (fd_sqlite_store *)store;
}

#endif
