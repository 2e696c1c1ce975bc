/* The body of POST /v1/selections, read into the engine's request. */
#ifndef FD_SELECTION_REQUEST_H
#define FD_SELECTION_REQUEST_H

#include <jansson.h>
#include <stddef.h>

#include "fault.h"
#include "macros.h"
#include "pair_list.h"
#include "select.h"

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
