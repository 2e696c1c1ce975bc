/* Shared files in the database: writing and reading them. */
#include "sqlite_shared_files.h"

#include <errno.h>

#include "sqlite_reading.h"
#include "sqlite_statement.h"
#include "sqlite_transaction.h"

static int write_file(fd_store *store, const char *name, const void *bytes, size_t size,
                      uint64_t replaced) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_SHARED_FILE_WRITE);
    fd_sqlite_bind_text(&binding, name);
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(replaced));
    fd_sqlite_bind_blob(&binding, size > 0 ? bytes : "", size); /* NULL would be no bytes at all */
    int r = fd_sqlite_modify(writer, FD_SQL_SHARED_FILE_WRITE, &binding);
    return r == 0 ? -EEXIST : r < 0 ? r : 0;
}

int fd_sqlite_shared_file_write(fd_store *store, const char *name, const void *bytes, size_t size,
                                uint64_t replaced) {
    int r = fd_sqlite_begin(store);
    if (r < 0)
        return r;
    r = write_file(store, name, bytes, size, replaced);
    if (r == 0)
        r = fd_sqlite_commit(store);
    if (r < 0)
        fd_sqlite_rollback(store);
    return r;
}

int fd_sqlite_shared_file_read(fd_store *store, const char *name, uint64_t known,
                               fd_shared_file_visit *visit, void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, FD_SQL_SHARED_FILE_READ);
    fd_sqlite_bind_text(&reading.binding, name);
    fd_sqlite_bind_integer(&reading.binding, fd_sqlite_clamp(known));
    int r = fd_sqlite_bound(&reading.binding);
    if (r == 0)
        r = fd_sqlite_reading_next(&reading);
    if (r <= 0)
        return r;
    fd_shared_file file = {
        .name = name,
        .version = (uint64_t)fd_sqlite_integer_at(&reading, 0),
        .bytes = sqlite3_column_blob(reading.statement, 1),
        .size = (size_t)sqlite3_column_bytes(reading.statement, 1),
    };
    r = fd_sqlite_row_result(&reading, file.version > 0 && (file.bytes || file.size == 0));
    return r < 0 ? r : visit(context, &file);
}
