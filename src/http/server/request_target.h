/* Checks the target of a request: every reader must understand it as the same path. */
#ifndef FD_REQUEST_TARGET_H
#define FD_REQUEST_TARGET_H

#include <stddef.h>

/* NULL for a target [size] that is a plain path, with or without a query; else static text that
 * says what is wrong. */
const char *fd_request_target_fault(const char *target, size_t size);

/* The value of a hexadecimal digit; -1 for any other character. */
int fd_hex_value(char digit);

#endif
