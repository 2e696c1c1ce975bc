/* One file on its way to POST /v1/import of a running daemon, with libcurl. */
#ifndef FD_UPLOAD_REQUEST_H
#define FD_UPLOAD_REQUEST_H

#include <jansson.h>
#include <stdbool.h>

#include "fault.h"
#include "macros.h"

typedef struct fd_upload {
    const char *url;   /* of the call, with its query */
    const char *token; /* "": none */
    const char *path;  /* of the file; "-": standard input */
    long status;       /* of the response */
    json_t *response;  /* its document; NULL: it has none */
} fd_upload;

/* The address of the call: `base` is that of the daemon. NULL without memory; malloc'd. */
char *fd_upload_url(const char *base, const char *format, const char *map, bool is_dry);

/* Sends the file and sets the response, which the caller owns. With a fault: the file cannot be
 * read, or the daemon does not respond. */
int fd_upload_send(fd_upload *upload, fd_fault *fault) FD_MUST_CHECK;

#endif
