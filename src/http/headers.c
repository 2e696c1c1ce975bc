#include "headers.h"

#include <stdio.h>

/* The pages have all that they need here, and no script or style within them. */
static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' "
    "data:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/* Anything else is not to be shown as a page at all. */
static const char data_policy[] = "default-src 'none'; frame-ancestors 'none'";

typedef struct header {
    const char *name;
    const char *value; /* NULL: not there */
} header;

static enum MHD_Result add(struct MHD_Response *answer, const header *headers, size_t n) {
    enum MHD_Result result = MHD_YES;
    for (size_t i = 0; i < n; i++)
        if (headers[i].value &&
            MHD_add_response_header(answer, headers[i].name, headers[i].value) != MHD_YES)
            result = MHD_NO;
    return result;
}

static enum MHD_Result add_cors(struct MHD_Response *answer, const fd_headers_of *of) {
    const char *origin = of->origin;
    bool preflight = origin && of->preflight;
    const header headers[] = {
        {"Vary", of->origins_differ ? "Origin" : NULL},
        {"Access-Control-Allow-Origin", origin},
        {"Access-Control-Expose-Headers", origin ? "ETag, Retry-After, X-Request-Id" : NULL},
        {"Access-Control-Allow-Methods", preflight ? "GET, HEAD, POST, PUT, DELETE" : NULL},
        {"Access-Control-Allow-Headers",
         preflight ? "Authorization, Content-Type, If-None-Match, X-Request-Id" : NULL},
        {"Access-Control-Max-Age", preflight ? "600" : NULL},
    };
    return add(answer, headers, FD_LENGTH(headers));
}

enum MHD_Result fd_headers_add(struct MHD_Response *answer, const fd_headers_of *of) {
    const fd_response *response = of->response;
    char seconds[16];
    (void)snprintf(seconds, sizeof(seconds), "%u", response->retry_after);
    char disposition[sizeof(response->file_name) + 32];
    (void)snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"",
                   response->file_name);
    bool kept = response->etag[0] != '\0', download = response->file_name[0] != '\0';
    bool page = kept && !download;
    const header headers[] = {
        {"Content-Type", response->content_type ? response->content_type : "application/json"},
        {"X-Request-Id", of->request_id},
        {"Cache-Control", kept ? "no-cache" : "no-store"},
        {"ETag", kept ? response->etag : NULL},
        {"Content-Disposition", download ? disposition : NULL},
        {"Server", "fisherd"},
        {"Allow", response->allow},
        {"Retry-After", response->retry_after > 0 ? seconds : NULL},
        {"WWW-Authenticate", response->challenges ? "Bearer realm=\"fisherd\"" : NULL},
        {"Set-Cookie", response->cookie[0] != '\0' ? response->cookie : NULL},
        {"X-Content-Type-Options", "nosniff"},
        {"Content-Security-Policy", page ? page_policy : data_policy},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Strict-Transport-Security", of->client->is_secure ? "max-age=31536000" : NULL},
        {"Connection", of->close ? "close" : NULL},
    };
    enum MHD_Result result = add(answer, headers, FD_LENGTH(headers));
    return add_cors(answer, of) == MHD_YES ? result : MHD_NO;
}
