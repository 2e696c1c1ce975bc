/* The scores of the items that `fisherd import` adds. */
#ifndef FD_IMPORT_SCORES_H
#define FD_IMPORT_SCORES_H

#include "fault.h"
#include "macros.h"
#include "score_names.h"
#include "store.h"

typedef struct fd_import_scores {
    fd_score_names names; /* of the database and of the import */
    uint32_t next_item;   /* the index of the next new item */
} fd_import_scores;

/* Reads which names the database has. */
int fd_import_scores_open(fd_store *store, fd_import_scores *ret) FD_MUST_CHECK;

/* Stores the scores of items that were just stored under `indices` [n], inside the transaction.
 * -EINVAL with a fault for a name too many: *ret_item is the place of its item. */
int fd_import_scores_store(fd_import_scores *scores, fd_store *store, const fd_item_row *items,
                           const uint32_t *indices, size_t n, size_t *ret_item,
                           fd_fault *fault) FD_MUST_CHECK;

#endif
