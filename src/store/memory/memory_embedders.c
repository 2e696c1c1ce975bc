/* The embedder of the items in memory: writing and reading its row. */
#include "memory_embedders.h"

#include <errno.h>

#include "memory_row.h"
#include "thread.h"

static fd_embedder_row pack(fd_memory_packing *packing, const fd_embedder_row *from) {
    fd_embedder_row row = *from;
    row.probes = fd_memory_pack(packing, from->probes,
                                from->n_probes * from->dimension * sizeof(*from->probes));
    row.name = fd_memory_pack_text(packing, from->name);
    row.template = fd_memory_pack_text(packing, from->template);
    return row;
}

void fd_memory_embedders_drop(fd_memory_embedders *embedders, size_t keep) {
    while (embedders->table.count > keep)
        free(embedders->table.rows[--embedders->table.count]);
}

int fd_memory_embedder_write(fd_memory_embedders *embedders, const fd_embedder_row *row) {
    fd_memory_packing packing = {0};
    int r = fd_memory_table_reserve(&embedders->table);
    if (r < 0)
        return r;
    (void)pack(&packing, row);
    fd_embedder_row *copy = calloc(1, sizeof(*copy) + packing.size);
    if (!copy)
        return -ENOMEM;
    packing.at = (char *)(copy + 1);
    *copy = pack(&packing, row);
    embedders->table.rows[embedders->table.count++] = copy;
    return 0;
}

static size_t committed(const fd_memory_table *table) {
    FD_READ_LOCKED(table->lock);
    return table->committed;
}

int fd_memory_embedder_read(const fd_memory_embedders *embedders, fd_embedder_visit *visit,
                            void *context) {
    size_t n = committed(&embedders->table);
    return n > 0 ? visit(context, fd_memory_table_at(&embedders->table, n - 1)) : 0;
}
