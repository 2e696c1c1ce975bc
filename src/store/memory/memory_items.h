/* Items in memory. */
#ifndef FD_MEMORY_ITEMS_H
#define FD_MEMORY_ITEMS_H

#include "memory_table.h"
#include "memory_text_features.h"
#include "store.h"

typedef struct fd_memory_items {
    fd_memory_table table;
    struct fd_memory_item *by_id; /* a hash table; used by the writer only */
    fd_memory_text_features text_features;
} fd_memory_items;

void fd_memory_items_clear(fd_memory_items *items);

/* Drops all but the first `keep` rows. */
void fd_memory_items_drop(fd_memory_items *items, size_t keep);

/* As the store's operations. */
int fd_memory_items_add(fd_memory_items *items, const fd_item_row *rows, size_t n,
                        uint32_t *indices, fd_added *ret) FD_MUST_CHECK;
int fd_memory_items_read(const fd_memory_items *items, uint32_t first, size_t limit,
                         bool embeddings, fd_item_visit *visit, void *context) FD_MUST_CHECK;
int fd_memory_vectors_read(const fd_memory_items *items, uint32_t first, size_t limit,
                           fd_item_visit *visit, void *context) FD_MUST_CHECK;

#endif
