/* What a request's target must not hold, because another reader could take it for another path. */
#ifndef FD_REQUEST_TARGET_H
#define FD_REQUEST_TARGET_H

#include <stddef.h>

/* Static text, or NULL for a target [size] that is a plain path with or without a query. */
const char *fd_request_target_fault(const char *target, size_t size);

int fd_hex_value(char digit); /* -1: it is none */

#endif
