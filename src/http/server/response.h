/* A response before it is sent. */
#ifndef FD_RESPONSE_H
#define FD_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

/* Starts as all zero but for the request's id; a handler fills it, the server sends and frees it.
 */
typedef struct fd_response {
    const char *request_id; /* of the request that it belongs to; borrowed */
    unsigned status;
    const char *content_type; /* static text; NULL: application/json */
    char *body;               /* malloc'd; the server frees it */
    size_t size;              /* bytes of the body */
    unsigned retry_after;     /* seconds; 0: no header */
    const char *allow;        /* static text for 405; NULL: no header */
    char etag[40];            /* quoted; lets clients keep and revalidate the body; "": no header */
    char file_name[64];       /* of a download; "": not a download */
    char next_cursor[48];     /* where the next page begins; "": not a page in headers */
    char location[64];        /* of what a request made; "": no header */
    bool is_preferred;        /* the response is the one that the client preferred: respond-async */
    bool has_more;            /* with next_cursor: there is more of the same moment */
    char cookie[192];         /* value of Set-Cookie; "": no header */
    unsigned keep_alive;      /* seconds that the connection may then idle; 0: no header */
    const char *accepts;      /* static text for Accept-Encoding, of a 415; NULL: no header */
    bool is_secret;           /* not to be compressed, so that its length tells nothing */
    bool varies_by_encoding;  /* the server's own, as the next */
    bool is_compressed;
    bool challenges; /* asks for a token: WWW-Authenticate */
    bool closes;     /* the connection ends after it */
    bool is_audited; /* for the layer above: the call belongs in the audit log */
} fd_response;

/* What pages of other sites may do with a response. */
typedef struct fd_cors {
    const char *origin; /* the site that may read it; borrowed from the headers; NULL: none */
    bool varies;        /* some sites may, so that caches must keep responses apart by Origin */
    bool is_preflight;  /* a browser asks what the site may send */
} fd_cors;

/* The standard text for a status, such as "Not Found". */
const char *fd_response_reason(unsigned status);

#endif
