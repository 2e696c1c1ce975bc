/*
 * The request guard: what libmicrohttpd lets through and we do not. It looks at the raw target and
 * at the headers before a byte of the body is read; what it refuses gets one answer and a closed
 * connection, so that no proxy in front and we can disagree about where a request ends.
 */
#ifndef FD_GUARD_H
#define FD_GUARD_H

#include <stdbool.h>
#include <stddef.h>

enum { FD_HEADERS_MAX = 64, FD_TARGET_MAX = 4096 };

/* What counts of a request's headers, gathered one by one. */
typedef struct fd_guard {
    unsigned headers;
    unsigned hosts;
    unsigned content_lengths;
    unsigned transfer_encodings;
    unsigned content_types;
    bool is_chunked;             /* the transfer encoding is "chunked" and nothing else */
    bool has_bad_length;         /* a Content-Length that is no plain number */
    unsigned long long length;   /* of the body, if told */
    bool has_control_characters; /* in a header */
    bool has_bad_name;           /* a header whose name is no token, as "Content-Length " */
    bool has_folded_line;        /* a header that goes on in a second line */
} fd_guard;

void fd_guard_header(fd_guard *guard, const char *name, const char *value);

/* Whether a header, by the places that libmicrohttpd keeps it at, came in more than one line. */
bool fd_guard_is_folded(const char *name, const char *value);

/* A status of the 400s and *ret_detail, or 0 if the target and the headers will do. */
unsigned fd_guard_check_target(const char *raw_target, const char **ret_detail);
unsigned fd_guard_check_headers(const fd_guard *guard, const char *version,
                                const char **ret_detail);

#endif
