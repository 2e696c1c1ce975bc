/*
 * Rows of an import that are committed together: at most 8 MB, of texts and vectors. Items that are
 * there already are found, duplicates merged, texts embedded; then one transaction adds the items,
 * their scores and the labels.
 */
#ifndef FD_IMPORT_BLOCK_H
#define FD_IMPORT_BLOCK_H

#include "fault.h"
#include "import_parser.h"
#include "import_report.h"
#include "import_scores.h"
#include "import_texts.h"
#include "import_vectors.h"
#include "macros.h"
#include "store.h"

typedef struct fd_import_block fd_import_block;

/* What a block works with; all of it outlives the block. */
typedef struct fd_import_place {
    fd_store *store;
    fd_import_texts *texts;
    fd_import_scores *scores;
    fd_import_vectors *vectors;
    fd_import_report *report;
    bool is_dry; /* nothing is embedded or stored */
} fd_import_place;

int fd_import_block_open(const fd_import_place *place, fd_import_block **ret) FD_MUST_CHECK;
void fd_import_block_close(fd_import_block *block);
FD_DEFINE_CLEANUP(fd_import_block, fd_import_block_close)

/* Copies a row into the block, or refuses it. Commits the block before if it is full. Errors as
 * below. */
int fd_import_block_add(fd_import_block *block, size_t file, const fd_imported_row *row,
                        fd_fault *fault) FD_MUST_CHECK;

/* Embeds and commits what the block holds, and empties it. With a fault: what the embedder says;
 * -EINVAL a name of a score too many. What the store says. Nothing of the block is stored then. */
int fd_import_block_commit(fd_import_block *block, fd_fault *fault) FD_MUST_CHECK;

#endif
