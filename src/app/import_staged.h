/* What a block of an import holds until it is committed: copies of items and labels. */
#ifndef FD_IMPORT_STAGED_H
#define FD_IMPORT_STAGED_H

#include <stdint.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "import_block.h"
#include "import_known_labels.h"

/* A new item, or new scores of one that is there already. */
struct fd_staged_item {
    fd_item_row row;
    bool by_texts;
    UT_hash_handle hh; /* of a new item, by id */
};

struct fd_staged_label {
    fd_label_row row;
    const char *a;
    const char *b;
    size_t file;
    size_t line;
};

struct fd_import_block {
    fd_import_place place;
    struct fd_staged_item **items; /* [n_items], new ones */
    size_t n_items, items_room;
    struct fd_staged_item **known; /* [n_known], that are there already and have scores */
    size_t n_known, known_room;
    struct fd_staged_item *by_id; /* the new ones */
    struct fd_staged_label *labels;
    size_t n_labels, labels_room;
    fd_known_labels known_labels; /* read for a dry run, and at the first conflict */
    void **owned;
    size_t n_owned, owned_room;
    size_t bytes;
    size_t rows;
};

/* Frees all that the block holds. */
void fd_staged_empty(fd_import_block *block);

/* Copies. -ENOMEM. */
int fd_staged_own_text(fd_import_block *block, const char *text, const char **ret) FD_MUST_CHECK;
int fd_staged_copy_item(fd_import_block *block, const fd_imported_item *given,
                        struct fd_staged_item **ret) FD_MUST_CHECK;

/* Reports that a row was refused; `member` is NULL for the row as a whole. -EINVAL. */
int fd_staged_refuse(const fd_import_block *block, size_t file, size_t line, const char *member,
                     const char *reason);

#endif
