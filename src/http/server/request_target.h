/* Checks and takes apart the target of a request: every reader must understand it as the same path.
 */
#ifndef FD_REQUEST_TARGET_H
#define FD_REQUEST_TARGET_H

#include <stddef.h>

/* NULL for a target [size] that is a plain path, or http(s)://authority and a path, with or without
 * a query; else static text that says what is wrong. Escaped slashes belong to a segment; escaped
 * dots may be the last one. The authority is the caller's to check. */
const char *fd_request_target_fault(const char *target, size_t size);

/* Where the authority of a target [size] in absolute form begins; 0 for other targets. */
size_t fd_request_target_authority(const char *target, size_t size, size_t *ret_size);

/* The path of a sound target, escaped as it is; "/" where it is empty. NULL without memory. */
char *fd_request_target_path(const char *target);

/* Decodes the percent escapes of a text [size] into ret [size + 1]. */
void fd_request_target_decode(const char *text, size_t size, char *ret);

/* The value of a hexadecimal digit; -1 for any other character. */
int fd_hex_value(char digit);

#endif
