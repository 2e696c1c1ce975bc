/* Blocks of components in the database: writing, deleting and reading them. */
#include "sqlite_component_blocks.h"

#include <errno.h>

#include "sqlite_reading.h"
#include "sqlite_statement.h"
#include "sqlite_transaction.h"

int fd_sqlite_component_block_write(fd_store *store, const fd_component_block *block) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_COMPONENT_BLOCK_WRITE);
    fd_sqlite_bind_text(&binding, block->inputs);
    fd_sqlite_bind_integer(&binding, block->block);
    fd_sqlite_bind_blob(&binding, block->bytes, block->size);
    int r = fd_sqlite_modify(writer, FD_SQL_COMPONENT_BLOCK_WRITE, &binding);
    return r < 0 ? r : 0;
}

int fd_sqlite_component_blocks_prune(fd_store *store, const char *inputs, size_t limit,
                                     size_t *ret_deleted) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_COMPONENT_BLOCKS_PRUNE);
    fd_sqlite_bind_text(&binding, inputs);
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(limit));
    int r = fd_sqlite_modify(writer, FD_SQL_COMPONENT_BLOCKS_PRUNE, &binding);
    *ret_deleted = r > 0 ? (size_t)sqlite3_changes(writer->database) : 0;
    return r < 0 ? r : 0;
}

int fd_sqlite_component_blocks_read(fd_store *store, const char *inputs, uint32_t first,
                                    fd_component_block_visit *visit, void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, FD_SQL_COMPONENT_BLOCKS_READ);
    fd_sqlite_bind_text(&reading.binding, inputs);
    fd_sqlite_bind_integer(&reading.binding, first);
    int r = fd_sqlite_bound(&reading.binding);
    while (r == 0) {
        r = fd_sqlite_reading_next(&reading);
        if (r <= 0)
            return r;
        fd_component_block block = {
            .inputs = inputs,
            .block = (uint32_t)fd_sqlite_integer_at(&reading, 0),
            .bytes = sqlite3_column_blob(reading.statement, 1),
            .size = (size_t)sqlite3_column_bytes(reading.statement, 1),
        };
        r = fd_sqlite_row_result(&reading, block.bytes != NULL);
        if (r == 0)
            r = visit(context, &block);
    }
    return r;
}
