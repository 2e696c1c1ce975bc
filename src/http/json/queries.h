/* The query of a request: its parameters, read into a struct by a table. */
#ifndef FD_QUERIES_H
#define FD_QUERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "macros.h"
#include "response.h"

enum {
    FD_QUERY_MAX = 10,        /* parameters */
    FD_PAGE_LIMIT = 100,      /* rows of a page when the query gives no limit */
    FD_PAGE_LIMIT_MAX = 1000, /* rows */
    FD_PAGE_BYTES = 8 << 20,  /* a page of large rows ends before its limit */
};

/* Decoded, in their order. */
typedef struct fd_query {
    size_t count;
    struct {
        const char *name;
        const char *value; /* "" where there is no '=' */
    } parameters[FD_QUERY_MAX];
} fd_query;

/* Adds a parameter, borrowed. -EINVAL, with a fault, if it is given twice or is one too many. */
int fd_query_add(fd_query *query, const char *name, const char *value,
                 fd_fault *fault) FD_MUST_CHECK;

typedef enum fd_parameter_kind {
    FD_PARAMETER_INTEGER, /* int64_t: min to max, in digits alone */
    FD_PARAMETER_TIME,    /* int64_t: min to max in milliseconds, or a time as RFC 3339 writes it */
    FD_PARAMETER_BOOLEAN, /* bool: "true" or "false" */
    FD_PARAMETER_TEXT,    /* const char *, borrowed */
} fd_parameter_kind;

/* A parameter that a call knows, and where it goes. */
typedef struct fd_parameter {
    const char *name;
    fd_parameter_kind kind;
    size_t offset; /* into the struct */
    int64_t min;
    int64_t max;
} fd_parameter;

/* Reads the query into the struct at `ret`; an absent parameter leaves it unchanged. False for an
 * unknown parameter or a wrong value: then the response is 400 and names the parameter. */
bool fd_query_accept(const fd_query *query, const fd_parameter *parameters, size_t n, void *ret,
                     fd_response *response) FD_MUST_CHECK;

/* For calls without parameters. */
bool fd_query_accept_none(const fd_query *query, fd_response *response) FD_MUST_CHECK;

#endif
