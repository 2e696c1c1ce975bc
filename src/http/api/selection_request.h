/* The body of POST /v1/selections. */
#ifndef FD_SELECTION_REQUEST_H
#define FD_SELECTION_REQUEST_H

#include "json_read.h"
#include "select.h"

/* The embeddings are its own, the ids borrowed from the tree. */
typedef struct fd_pair_list {
    size_t n;
    fd_pair_reference *list;
    const char **ids; /* of the pairs themselves; NULL where there is none */
} fd_pair_list;

typedef struct fd_selection_lists {
    fd_pair_list pairs;
    fd_pair_list pending;
    fd_pair_list exclude;
} fd_selection_lists;

/* The request borrows from the tree and from the lists, which the caller clears, after a failure
 * too. */
int fd_selection_read(const json_t *root, fd_selection_lists *lists, fd_selection_request *ret,
                      fd_fault *fault) FD_MUST_CHECK;
void fd_selection_lists_clear(fd_selection_lists *lists);

#endif
