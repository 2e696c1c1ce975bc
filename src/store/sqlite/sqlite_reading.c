/* One reading, from borrowing a reader to returning it. It sees committed rows only. */
#include "sqlite_reading.h"

#include <errno.h>
#include <math.h>

fd_sqlite_reading fd_sqlite_reading_start(fd_store *store, fd_sqlite_statement identifier) {
    fd_sqlite_readers *readers = &fd_sqlite_store_of(store)->readers;
    fd_sqlite_connection *reader = fd_sqlite_readers_borrow(readers);
    return (fd_sqlite_reading){readers, reader, identifier, reader->statements[identifier],
                               fd_sqlite_bind(reader, identifier)};
}

void fd_sqlite_reading_end(fd_sqlite_reading *reading) {
    fd_sqlite_reset(reading->reader, reading->identifier); /* ends the read transaction */
    fd_sqlite_readers_return(reading->readers, reading->reader);
}

int fd_sqlite_reading_next(fd_sqlite_reading *reading) {
    return fd_sqlite_step(reading->reader, reading->identifier);
}

const char *fd_sqlite_text_at(const fd_sqlite_reading *reading, int column) {
    return (const char *)sqlite3_column_text(reading->statement, column);
}

int64_t fd_sqlite_integer_at(const fd_sqlite_reading *reading, int column) {
    return sqlite3_column_int64(reading->statement, column);
}

double fd_sqlite_real_at(const fd_sqlite_reading *reading, int column) {
    return fd_sqlite_is_null_at(reading, column)
               ? NAN
               : sqlite3_column_double(reading->statement, column);
}

bool fd_sqlite_is_null_at(const fd_sqlite_reading *reading, int column) {
    return sqlite3_column_type(reading->statement, column) == SQLITE_NULL;
}

int fd_sqlite_row_result(const fd_sqlite_reading *reading, bool sound) {
    if (sqlite3_errcode(reading->reader->database) == SQLITE_NOMEM)
        return -ENOMEM;
    return sound ? 0 : -EBADMSG;
}

int64_t fd_sqlite_clamp(uint64_t value) {
    return value < INT64_MAX ? (int64_t)value : INT64_MAX;
}
