/* A block of an import: rows that are committed together, copied from the parser. */
#ifndef FD_STREAMED_BLOCK_H
#define FD_STREAMED_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "import_parser.h"
#include "labels.h"
#include "macros.h"

enum {
    FD_STREAMED_BLOCK_BYTES = 8 << 20, /* most bytes of several rows; one row may have more */
    FD_STREAMED_BLOCK_ITEMS = 4096,
    FD_STREAMED_BLOCK_LABELS = 4096,
};

typedef struct fd_block_item {
    fd_item_row row;
    size_t line;
    bool by_texts; /* as in fd_imported_item, as the next */
    bool is_embedding;
} fd_block_item;

typedef struct fd_block_label {
    fd_label label;
    size_t line;
} fd_block_label;

/* Starts as all zero. */
typedef struct fd_streamed_block {
    fd_block_item *items;
    size_t n_items, items_room;
    fd_block_label *labels;
    size_t n_labels, labels_room;
    size_t bytes;
    size_t n_texts; /* items without an embedding */
    void **owned;   /* one allocation a row */
    size_t n_owned, owned_room;
} fd_streamed_block;

/* Whether the block must be committed before the row is added. */
bool fd_streamed_block_is_full(const fd_streamed_block *block, const fd_imported_row *row);

/* Copies the row. -ENOMEM. */
int fd_streamed_block_add(fd_streamed_block *block, const fd_imported_row *row) FD_MUST_CHECK;

/* Empties the block, and keeps its arrays. */
void fd_streamed_block_reset(fd_streamed_block *block);
void fd_streamed_block_clear(fd_streamed_block *block);

#endif
