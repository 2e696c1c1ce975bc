/* A table of rows in the order of their arrival. */
#include "memory_table.h"

#include "array.h"
#include "thread.h"

int fd_memory_table_reserve(fd_memory_table *table) {
    if (table->count < table->capacity)
        return 0;
    FD_WRITE_LOCKED(table->lock);
    return fd_array_reserve(&table->rows, &table->capacity, table->count + 1, sizeof(*table->rows));
}

const void *fd_memory_table_at(const fd_memory_table *table, size_t index) {
    FD_READ_LOCKED(table->lock);
    return index < table->committed ? table->rows[index] : NULL;
}

void fd_memory_table_clear(fd_memory_table *table) {
    for (size_t i = 0; i < table->count; i++)
        free(table->rows[i]);
    free(table->rows);
}
