/* Where a value is in a body, and faults that point at it. */
#ifndef FD_JSON_PATH_H
#define FD_JSON_PATH_H

#include <stddef.h>

#include "fault.h"

/* A chain of steps on the stack, from the value up to the root, which is NULL. It is rendered as a
 * JSON pointer only when there is a fault. */
typedef struct fd_path {
    const struct fd_path *parent;
    const char *name; /* NULL: an element of a list, at the index */
    size_t index;
} fd_path;

/* Fills the fault with a pointer to `at`. -EINVAL, or -ENOMEM. */
int fd_json_fault(fd_fault *fault, const fd_path *at, const char *detail_format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a member of `at`. */
int fd_json_member_fault(fd_fault *fault, const fd_path *at, const char *name, const char *detail);

/* The most bytes of `text`, at most `limit`, that do not end within a UTF-8 character. */
size_t fd_json_whole_characters(const char *text, size_t limit);

#endif
