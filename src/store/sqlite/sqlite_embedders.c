/* The embedder of the items in the database: writing and reading its row. */
#include "sqlite_embedders.h"

#include "sqlite_reading.h"
#include "sqlite_statement.h"
#include "sqlite_transaction.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors are stored little-endian");

int fd_sqlite_embedder_put(fd_store *store, fd_sqlite_statement identifier,
                           const fd_embedder_row *row) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    fd_sqlite_binding binding = fd_sqlite_bind(writer, identifier);
    fd_sqlite_bind_text(&binding, row->name);
    fd_sqlite_bind_text(&binding, row->template);
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(row->dimension));
    fd_sqlite_bind_blob(&binding, row->probes,
                        row->n_probes * row->dimension * sizeof(*row->probes));
    fd_sqlite_bind_integer(&binding, row->created_ms);
    int r = fd_sqlite_modify(writer, identifier, &binding);
    return r < 0 ? r : 0;
}

int fd_sqlite_embedder_write(fd_store *store, const fd_embedder_row *row) {
    return fd_sqlite_embedder_put(store, FD_SQL_EMBEDDER_WRITE, row);
}

int fd_sqlite_embedder_visit(fd_store *store, fd_sqlite_statement identifier,
                             fd_embedder_visit *visit, void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, identifier);
    int r = fd_sqlite_reading_next(&reading);
    if (r <= 0)
        return r;
    fd_embedder_row row = {
        .name = fd_sqlite_text_at(&reading, 0),
        .template = fd_sqlite_text_at(&reading, 1),
        .dimension = (size_t)fd_sqlite_integer_at(&reading, 2),
        .probes = sqlite3_column_blob(reading.statement, 3),
        .created_ms = fd_sqlite_integer_at(&reading, 4),
    };
    size_t numbers = (size_t)sqlite3_column_bytes(reading.statement, 3) / sizeof(*row.probes);
    row.n_probes = row.dimension > 0 ? numbers / row.dimension : 0;
    r = fd_sqlite_row_result(&reading, row.name && row.template && row.probes && row.n_probes > 0);
    return r < 0 ? r : visit(context, &row);
}

int fd_sqlite_embedder_read(fd_store *store, fd_embedder_visit *visit, void *context) {
    return fd_sqlite_embedder_visit(store, FD_SQL_EMBEDDER_READ, visit, context);
}
