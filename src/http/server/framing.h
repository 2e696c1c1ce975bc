/*
 * The framing check: a strict reader of where requests of HTTP/1.x begin and end, over bytes alone.
 * The receive hook shows it all that arrives before libmicrohttpd sees it. Bytes with two readings,
 * or without any, are refused, so that a proxy in front and this daemon never disagree about where
 * a request ends (request smuggling).
 *
 * It does not interpret requests: methods, paths and types are left to the router.
 */
#ifndef FD_FRAMING_H
#define FD_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FD_REQUEST_TARGET_MAX = 4096, /* bytes */
    FD_PARAMETERS_MAX = 32,       /* of a query */
    FD_HEADERS_MAX = 64,          /* lines */
    FD_COOKIES_MAX = 64,          /* in their one line */
    FD_HEADER_MAX = 8192,         /* bytes of one line */
    FD_HOST_MAX = 255,            /* bytes, with the port */
    FD_LENGTH_DIGITS_MAX = 15     /* of a Content-Length or the size of a chunk */
};

typedef enum fd_framing_state {
    FD_FRAMING_REQUEST_LINE,
    FD_FRAMING_HEADER,
    FD_FRAMING_CHUNK_SIZE,
    FD_FRAMING_CHUNK_END, /* the end of the line after a chunk's bytes */
    FD_FRAMING_TRAILER,   /* the empty line after the last chunk */
    FD_FRAMING_CHUNK,     /* a chunk's bytes */
    FD_FRAMING_BODY,
    FD_FRAMING_REFUSED,
} fd_framing_state;

/* Starts as all zero but for head_max, for one connection. */
typedef struct fd_framing {
    size_t head_max; /* most bytes of a head */
    fd_framing_state state;
    unsigned status;    /* 4xx or 5xx once it has refused; 0 until then */
    const char *detail; /* static text; NULL until then */
    uint64_t heads;     /* requests whose head is complete */
    uint64_t requests;  /* requests that are complete, with their body */

    /* Of the request that is being read. */
    bool is_old;         /* HTTP/1.0 */
    bool is_head;        /* the method is HEAD: its response has no body */
    bool has_empty_line; /* there was an empty line before it */
    bool is_chunked;
    unsigned headers;
    unsigned seen; /* bits for the headers that may come once */
    size_t head_size;
    size_t authority_size; /* of the target in absolute form; 0: another form */
    char authority[FD_HOST_MAX];
    uint64_t left; /* bytes of the body or the chunk; 0 outside of them */

    bool has_return; /* the last byte was a carriage return, so a line feed must follow */
    size_t line_size;
    char line[FD_HEADER_MAX];
} fd_framing;

/*
 * Checks the next bytes of the connection. True: all of them are well-formed so far. False: they
 * are refused, framing->status and framing->detail say why, and the same holds for all that
 * follows. Either way *ret_ended is the number of these bytes up to the end of the last request
 * that ended in them; 0: none did.
 *
 * The result does not depend on how the bytes are split over calls.
 */
bool fd_framing_read(fd_framing *framing, const char *data, size_t size, size_t *ret_ended);

#endif
