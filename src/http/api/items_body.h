/* The body {"items": […]}, which several calls take. */
#ifndef FD_ITEMS_BODY_H
#define FD_ITEMS_BODY_H

#include <jansson.h>
#include <stddef.h>

#include "fault.h"
#include "macros.h"

typedef struct fd_items_body {
    const json_t *items; /* a list of at most 20,000 values, in the tree */
} fd_items_body;

/* The caller releases *ret_root, also after a failure. -EBADMSG, -EINVAL with a fault; -ENOMEM. */
int fd_items_body_read(const char *body, size_t size, json_t **ret_root, fd_items_body *ret,
                       fd_fault *fault) FD_MUST_CHECK;

#endif
