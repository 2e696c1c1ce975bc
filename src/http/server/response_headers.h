/* The headers of an answer: what it is, and what a browser may do with it. */
#ifndef FD_RESPONSE_HEADERS_H
#define FD_RESPONSE_HEADERS_H

#include <microhttpd.h>

#include "request.h"

typedef struct fd_headers_of {
    const fd_response *response;
    const fd_client *client;
    const char *request_id;
    const char *origin;  /* of another site that may read the answer; NULL: none */
    bool origins_differ; /* there are such sites */
    bool preflight;      /* the answer tells what the site may send */
    bool close;
} fd_headers_of;

/* MHD_NO without memory. */
enum MHD_Result fd_headers_add(struct MHD_Response *answer, const fd_headers_of *of);

/* The whole answer as it goes over the wire; -ENOMEM. */
int fd_headers_print(const fd_headers_of *of, bool has_body, char **ret,
                     size_t *ret_size) FD_MUST_CHECK;

#endif
