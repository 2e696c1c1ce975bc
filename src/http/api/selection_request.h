/* The body of POST /v1/selections, read into the engine's request. */
#ifndef FD_SELECTION_REQUEST_H
#define FD_SELECTION_REQUEST_H

#include <jansson.h>
#include <stddef.h>

#include "fault.h"
#include "macros.h"
#include "select.h"

enum { FD_PAIRS_MAX = 1000000 };

/* How a list of pairs is written. */
typedef enum fd_pairs_form {
    FD_PAIRS_OBJECTS, /* [{"a":…,"b":…,"id":…},…] */
    FD_PAIRS_ROWS,    /* [[a,b,id],…] */
    FD_PAIRS_COLUMNS, /* {"a":[…],"b":[…],"id":[…]} */
} fd_pairs_form;

/* Owns the embeddings; the ids are borrowed from the tree, or from the scan. */
typedef struct fd_pair_list {
    size_t n;
    fd_pair_reference *list;
    fd_pairs_form form;
    const char **ids; /* of the pairs themselves; NULL for a pair without one */
} fd_pair_list;

typedef struct fd_selection_lists {
    fd_pair_list pairs;
    fd_pair_list pending;
    fd_pair_list exclude;
} fd_selection_lists;

/* Lists that are there already are kept; the tree has null for them. The request points into the
 * tree and into the lists, which the caller clears, also after a failure. -EINVAL with a fault,
 * -ENOMEM. */
int fd_selection_read(const json_t *root, fd_selection_lists *lists, fd_selection_request *ret,
                      fd_fault *fault) FD_MUST_CHECK;

/* Makes a fault that points at "/pairs/3/a" point at what the body has: "/pairs/3/0" or
 * "/pairs/a/3". */
void fd_selection_fault_locate(const fd_selection_lists *lists, fd_fault *fault);
void fd_selection_lists_clear(fd_selection_lists *lists);

#endif
