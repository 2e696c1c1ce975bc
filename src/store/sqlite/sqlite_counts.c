/* How many rows a database holds. */
#include "sqlite_counts.h"

#include "sqlite_backend.h"
#include "sqlite_statement.h"

int fd_sqlite_read_counts(fd_sqlite_connection *connection, fd_counts *ret) {
    int r = fd_sqlite_step(connection, FD_SQL_COUNTS);
    if (r <= 0)
        return r;
    sqlite3_stmt *statement = connection->statements[FD_SQL_COUNTS];
    *ret = (fd_counts){
        .items = (uint64_t)sqlite3_column_int64(statement, 0),
        .labels = (uint64_t)sqlite3_column_int64(statement, 1),
        .label_rows = (uint64_t)sqlite3_column_int64(statement, 2),
        .models = (uint64_t)sqlite3_column_int64(statement, 3),
    };
    fd_sqlite_reset(connection, FD_SQL_COUNTS);
    return 0;
}

int fd_sqlite_counts(fd_store *store, fd_counts *ret) {
    fd_sqlite_readers *readers = &fd_sqlite_store_of(store)->readers;
    fd_sqlite_connection *reader = fd_sqlite_readers_borrow(readers);
    int r = fd_sqlite_read_counts(reader, ret);
    fd_sqlite_readers_return(readers, reader);
    return r;
}
