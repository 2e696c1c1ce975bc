/*
 * The request guard: a strict reader of the framing of HTTP/1.x, over bytes alone. wire.c shows it
 * all that arrives before libmicrohttpd sees it. What has two readings, or none, is refused, so
 * that no proxy in front and we can disagree about where a request ends.
 *
 * It does not understand requests: methods, paths and types are exchange.c's.
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
    size_t head_max; /* bytes of a head */
    fd_framing_state state;
    unsigned status;    /* of the 400s and 500s once it has refused, until then 0 */
    const char *detail; /* static text; NULL until then */
    uint64_t heads;     /* requests whose head has been seen whole */
    uint64_t requests;  /* … and their body too */

    /* of the request that is being read */
    bool is_old;         /* HTTP/1.0 */
    bool is_head;        /* its answer has no body */
    bool has_empty_line; /* an empty line stood before it */
    bool is_chunked;
    unsigned headers;
    unsigned seen; /* bits of the headers that may come once */
    size_t head_size;
    uint64_t left; /* bytes of the body or the chunk; 0 outside of them */

    bool has_return; /* a carriage return ended the line, if a line feed follows */
    size_t line_size;
    char line[FD_HEADER_MAX];
} fd_framing;

/*
 * Looks at the next bytes of the connection. True: all of them are well-formed so far. False: it
 * has refused, guard->status says how, and it takes nothing more. Either way *ret_ended is how many
 * of these bytes go up to the end of the last request that ended in them; 0: none did.
 *
 * How the bytes are split over calls makes no difference.
 */
bool fd_framing_read(fd_framing *guard, const char *data, size_t size, size_t *ret_ended);

#endif
