/* Transactions, by one thread through the one connection that writes. */
#include "sqlite_transaction.h"

#include <assert.h>
#include <errno.h>

#include "sqlite_backend.h"
#include "sqlite_statement.h"

static bool in_transaction(const fd_sqlite_connection *writer) {
    return writer->database && !sqlite3_get_autocommit(writer->database);
}

int fd_sqlite_begin(fd_store *store) {
    fd_sqlite_connection *writer = &fd_sqlite_store_of(store)->writer;
    if (!writer->database)
        return -EROFS;
    /* Makes up for a rollback that failed. */
    int r = in_transaction(writer) ? fd_sqlite_run(writer, FD_SQL_ROLLBACK) : 0;
    return r < 0 ? r : fd_sqlite_run(writer, FD_SQL_BEGIN);
}

int fd_sqlite_commit(fd_store *store) {
    fd_sqlite_store *sqlite = fd_sqlite_store_of(store);
    int r = fd_database_files_check(&sqlite->files);
    if (r == 0)
        r = fd_sqlite_run(&sqlite->writer, FD_SQL_COMMIT);
    if (r == 0)
        fd_write_ahead_log_checkpoint(&sqlite->log);
    return r;
}

void fd_sqlite_rollback(fd_store *store) {
    fd_sqlite_connection *writer = &fd_sqlite_store_of(store)->writer;
    /* SQLite itself may have rolled back, for example when the disk was full. */
    if (in_transaction(writer))
        (void)!fd_sqlite_run(writer, FD_SQL_ROLLBACK);
}

int fd_sqlite_probe(fd_store *store) {
    int r = fd_sqlite_begin(store);
    if (r < 0)
        return r;
    r = fd_sqlite_run(&fd_sqlite_store_of(store)->writer, FD_SQL_PROBE);
    if (r == 0)
        r = fd_sqlite_commit(store);
    if (r < 0)
        fd_sqlite_rollback(store);
    return r;
}

int fd_sqlite_present(fd_store *store) {
    return fd_database_files_check(&fd_sqlite_store_of(store)->files);
}

fd_sqlite_connection *fd_sqlite_writer_of(fd_store *store) {
    fd_sqlite_connection *writer = &fd_sqlite_store_of(store)->writer;
    assert(in_transaction(writer));
    return writer;
}

int fd_sqlite_list_begin(fd_sqlite_connection *writer) {
    return fd_sqlite_run(writer, FD_SQL_SAVEPOINT);
}

int fd_sqlite_list_end(fd_sqlite_connection *writer, int result) {
    if (!in_transaction(writer))
        return result < 0 ? result : -EIO;
    int r = result < 0 ? fd_sqlite_run(writer, FD_SQL_ROLLBACK_LIST) : 0;
    if (r == 0)
        r = fd_sqlite_run(writer, FD_SQL_RELEASE_LIST);
    return r < 0 ? r : result;
}
