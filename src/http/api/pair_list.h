/* Lists of pairs in bodies, in three forms. */
#ifndef FD_PAIR_LIST_H
#define FD_PAIR_LIST_H

#include <jansson.h>
#include <stddef.h>

#include "fault.h"
#include "macros.h"
#include "score.h"

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

/* How many pairs a list may have. */
typedef struct fd_pair_count {
    size_t least, most;
} fd_pair_count;

/* Reads the member `name` of a body. A list that is there already is kept where the tree has null;
 * NULL is a list of none. The caller clears it, also after a failure. -EINVAL with a fault,
 * -ENOMEM. */
int fd_pair_list_read(const json_t *value, const char *name, fd_pair_count allowed,
                      fd_pair_list *ret, fd_fault *fault) FD_MUST_CHECK;

/* Makes a fault that points at "/NAME/3/a" point at what the body has: "/NAME/3/0" or
 * "/NAME/a/3". */
void fd_pair_list_locate(const fd_pair_list *list, const char *list_name, fd_fault *fault);

void fd_pair_list_clear(fd_pair_list *pairs);

#endif
