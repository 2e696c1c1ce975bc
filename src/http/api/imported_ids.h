/* The items that an import has seen: hashes of their ids and of their content. */
#ifndef FD_IMPORTED_IDS_H
#define FD_IMPORTED_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "macros.h"
#include "store_rows.h"

typedef struct fd_imported_id {
    uint64_t id;    /* 0: free */
    uint64_t texts; /* of prompt and response alone */
    uint64_t content;
} fd_imported_id;

/* Starts as all zero. */
typedef struct fd_imported_ids {
    fd_imported_id *slots; /* [room], a power of two */
    size_t room, n;
} fd_imported_ids;

/* Bytes that the next addition takes in addition; 0: none. */
size_t fd_imported_ids_growth(const fd_imported_ids *ids);

bool fd_imported_ids_has(const fd_imported_ids *ids, const char *id);

/* Adds the item. *ret_is_new: none had the id; otherwise *ret_is_same tells whether that one had
 * the same content, or by_texts the same texts. -ENOMEM. */
int fd_imported_ids_add(fd_imported_ids *ids, const fd_item_row *row, bool by_texts,
                        bool *ret_is_new, bool *ret_is_same) FD_MUST_CHECK;

void fd_imported_ids_reset(fd_imported_ids *ids);
void fd_imported_ids_clear(fd_imported_ids *ids);

#endif
