/* Blocks of components in the database: writing, deleting and reading them. */
#include "postgres_component_blocks.h"

#include <errno.h>
#include <stdlib.h>

#include "postgres_reading.h"
#include "postgres_transaction.h"

int fd_postgres_component_block_write(fd_store *store, const fd_component_block *block) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    fd_postgres_binding binding = {0};
    fd_postgres_bind_text(&binding, block->inputs);
    fd_postgres_bind_integer(&binding, block->block);
    fd_postgres_bind_bytes(&binding, block->bytes, block->size);
    int r = fd_postgres_modify(&postgres->writer, FD_PG_COMPONENT_BLOCK_WRITE, &binding);
    postgres->has_written |= r > 0;
    return r < 0 ? r : 0;
}

int fd_postgres_component_blocks_prune(fd_store *store, const char *inputs, size_t limit,
                                       size_t *ret_deleted) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    FD_CLEANUP(PQclearp) PGresult *result = NULL;
    fd_postgres_binding binding = {0};
    fd_postgres_bind_text(&binding, inputs);
    fd_postgres_bind_integer(&binding, fd_postgres_clamp(limit));
    int r = fd_postgres_run(&postgres->writer, FD_PG_COMPONENT_BLOCKS_PRUNE, &binding, &result);
    *ret_deleted = r == 0 ? strtoul(PQcmdTuples(result), NULL, 10) : 0;
    postgres->has_written |= *ret_deleted > 0;
    return r;
}

int fd_postgres_component_blocks_read(fd_store *store, const char *inputs, uint32_t first,
                                      fd_component_block_visit *visit, void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_COMPONENT_BLOCKS_READ);
    fd_postgres_bind_text(&reading.binding, inputs);
    fd_postgres_bind_integer(&reading.binding, first);
    int r = 0;
    while (r == 0) {
        r = fd_postgres_reading_next(&reading);
        if (r <= 0)
            return r;
        fd_component_block block = {
            .inputs = inputs,
            .block = (uint32_t)fd_postgres_integer_of(&reading, 0),
            .bytes = fd_postgres_text_of(&reading, 1),
            .size = fd_postgres_size_of(&reading, 1),
        };
        r = visit(context, &block);
    }
    return r;
}
