/* Text features in the database: writing them. Items are read with theirs. */
#include "sqlite_text_features.h"

#include "sqlite_statement.h"
#include "sqlite_transaction.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "features are stored little-endian");

int fd_sqlite_text_features_put(fd_sqlite_connection *writer, const fd_text_features_row *row) {
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_TEXT_FEATURES_WRITE);
    fd_sqlite_bind_integer(&binding, row->index);
    fd_sqlite_bind_integer(&binding, row->version);
    fd_sqlite_bind_blob(&binding, row->values, row->count * sizeof(*row->values));
    int r = fd_sqlite_modify(writer, FD_SQL_TEXT_FEATURES_WRITE, &binding);
    return r < 0 ? r : 0;
}

int fd_sqlite_text_features_write(fd_store *store, const fd_text_features_row *rows, size_t n) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    int r = fd_sqlite_list_begin(writer);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n && r == 0; i++)
        r = fd_sqlite_text_features_put(writer, &rows[i]);
    return fd_sqlite_list_end(writer, r);
}
