/* The body of POST /v1/selections, read into the engine's request. */
#ifndef FD_SELECTION_REQUEST_H
#define FD_SELECTION_REQUEST_H

#include <jansson.h>
#include <stddef.h>

#include "fault.h"
#include "macros.h"
#include "select.h"

/* Owns the embeddings; the ids are borrowed from the tree. */
typedef struct fd_pair_list {
    size_t n;
    fd_pair_reference *list;
    const char **ids; /* of the pairs themselves; NULL for a pair without one */
} fd_pair_list;

typedef struct fd_selection_lists {
    fd_pair_list pairs;
    fd_pair_list pending;
    fd_pair_list exclude;
} fd_selection_lists;

/* The request points into the tree and into the lists, which the caller clears, also after a
 * failure. -EINVAL with a fault, -ENOMEM. */
int fd_selection_read(const json_t *root, fd_selection_lists *lists, fd_selection_request *ret,
                      fd_fault *fault) FD_MUST_CHECK;
void fd_selection_lists_clear(fd_selection_lists *lists);

#endif
