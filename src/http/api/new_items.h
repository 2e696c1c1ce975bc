/* The items of a body, as POST /v1/items and embedding jobs take them. */
#ifndef FD_NEW_ITEMS_H
#define FD_NEW_ITEMS_H

#include <jansson.h>
#include <stddef.h>

#include "fault.h"
#include "macros.h"
#include "store_rows.h"

/* Starts as all zero. The rows own their embeddings, metadata and lists of scores; the rest is
 * borrowed from the tree. */
typedef struct fd_new_items {
    json_t *root;
    const json_t *items; /* the list in the tree */
    size_t n;
    fd_item_row *list; /* [n]; without `embedding` where the item has none */
} fd_new_items;

/* Reads {"items": […]}. -EBADMSG, -EINVAL with a fault, -ENOMEM; the caller clears it all the same.
 * The keys of metadata that are scores are a list; NULL: none. */
int fd_new_items_read(const char *body, size_t size, const char *score_metadata, fd_new_items *ret,
                      fd_fault *fault) FD_MUST_CHECK;
void fd_new_items_clear(fd_new_items *rows);

#endif
