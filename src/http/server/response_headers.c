/* Writes the headers of responses, through libmicrohttpd or as text. */
#include "response_headers.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

/* The pages load everything from this daemon, and have no inline scripts or styles. */
static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; font-src "
    "'self'; img-src 'self' data:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/* A browser shall not show anything else as a page. */
static const char data_policy[] = "default-src 'none'; frame-ancestors 'none'";

typedef struct header {
    const char *name;
    const char *value; /* NULL: left out */
} header;

static enum MHD_Result add(struct MHD_Response *to, const header *headers, size_t n) {
    enum MHD_Result result = MHD_YES;
    for (size_t i = 0; i < n; i++)
        if (headers[i].value &&
            MHD_add_response_header(to, headers[i].name, headers[i].value) != MHD_YES)
            result = MHD_NO;
    return result;
}

static enum MHD_Result add_cors(struct MHD_Response *to, const fd_cors *cors,
                                bool varies_by_encoding) {
    const char *origin = cors->origin;
    const char *vary = varies_by_encoding && cors->varies ? "Accept-Encoding, Origin"
                       : varies_by_encoding               ? "Accept-Encoding"
                       : cors->varies                     ? "Origin"
                                                          : NULL;
    bool preflight = origin && cors->is_preflight;
    const header headers[] = {
        {"Vary", vary},
        {"Access-Control-Allow-Origin", origin},
        {"Access-Control-Expose-Headers",
         origin
             ? "ETag, Location, Preference-Applied, Retry-After, X-Has-More, X-Next-Cursor, X-Request-Id"
             : NULL},
        {"Access-Control-Allow-Methods", preflight ? "GET, HEAD, POST, PUT, DELETE, PATCH" : NULL},
        {"Access-Control-Allow-Headers",
         preflight
             ? "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Prefer, X-Request-Id"
             : NULL},
        {"Access-Control-Max-Age", preflight ? "600" : NULL},
    };
    return add(to, headers, FD_LENGTH(headers));
}

enum MHD_Result fd_response_headers_add(struct MHD_Response *to, const fd_response *response,
                                        const fd_cors *cors, bool is_secure) {
    char seconds[16];
    (void)snprintf(seconds, sizeof(seconds), "%u", response->retry_after);
    char keep_alive[32];
    (void)snprintf(keep_alive, sizeof(keep_alive), "timeout=%u", response->keep_alive);
    char etag[sizeof(response->etag) + 2]; /* the compressed bytes are others */
    (void)snprintf(etag, sizeof(etag), "%s%s", response->is_compressed ? "W/" : "", response->etag);
    char disposition[sizeof(response->file_name) + 32];
    (void)snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"",
                   response->file_name);
    bool has_etag = response->etag[0] != '\0', is_download = response->file_name[0] != '\0';
    bool is_page = has_etag && !is_download && response->content_type;
    bool is_page_of_rows = response->next_cursor[0] != '\0';
    const header headers[] = {
        {"Content-Type", response->content_type ? response->content_type : "application/json"},
        {"X-Request-Id", response->request_id},
        {"Cache-Control", has_etag ? "no-cache" : "no-store"},
        {"ETag", has_etag ? etag : NULL},
        {"Content-Encoding", response->is_compressed ? "gzip" : NULL},
        {"Content-Disposition", is_download ? disposition : NULL},
        {"X-Next-Cursor", is_page_of_rows ? response->next_cursor : NULL},
        {"Location", response->location[0] != '\0' ? response->location : NULL},
        {"Preference-Applied", response->is_preferred ? "respond-async" : NULL},
        {"X-Has-More", !is_page_of_rows     ? NULL
                       : response->has_more ? "true"
                                            : "false"},
        {"Server", "fisherd"},
        {"Allow", response->allow},
        {"Retry-After", response->retry_after > 0 ? seconds : NULL},
        {"WWW-Authenticate", response->challenges ? "Bearer realm=\"fisherd\"" : NULL},
        {"Set-Cookie", response->cookie[0] != '\0' ? response->cookie : NULL},
        {"X-Content-Type-Options", "nosniff"},
        {"Content-Security-Policy", is_page ? page_policy : data_policy},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Strict-Transport-Security", is_secure ? "max-age=31536000" : NULL},
        {"Accept-Encoding", response->accepts},
        {"Connection", response->closes ? "close" : NULL},
        {"Keep-Alive", response->keep_alive > 0 && !response->closes ? keep_alive : NULL},
    };
    enum MHD_Result result = add(to, headers, FD_LENGTH(headers));
    return add_cors(to, cors, response->varies_by_encoding) == MHD_YES ? result : MHD_NO;
}

const char *fd_response_reason(unsigned status) {
    return MHD_get_reason_phrase_for(status);
}

/* ---- as text, for responses that do not go through libmicrohttpd ---- */

static enum MHD_Result print_header(void *out, enum MHD_ValueKind kind, const char *name,
                                    const char *value) {
    (void)kind;
    return fprintf(out, "%s: %s\r\n", name, value) < 0 ? MHD_NO : MHD_YES;
}

static int print_headers(FILE *out, const fd_response *response, const fd_cors *cors,
                         bool is_secure) {
    struct MHD_Response *headers = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    if (!headers)
        return -ENOMEM;
    enum MHD_Result result = fd_response_headers_add(headers, response, cors, is_secure);
    (void)MHD_get_response_headers(headers, print_header, out);
    MHD_destroy_response(headers);
    return result == MHD_YES ? 0 : -ENOMEM;
}

int fd_response_print(const fd_response *response, const fd_cors *cors, bool is_secure,
                      bool has_body, char **ret, size_t *ret_size) {
    char date[40];
    struct tm utc;
    time_t now = time(NULL);
    FILE *out = open_memstream(ret, ret_size);
    if (!out)
        return -ENOMEM;
    (void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &utc));
    (void)fprintf(out, "HTTP/1.1 %u %s\r\nDate: %s\r\nContent-Length: %zu\r\n", response->status,
                  fd_response_reason(response->status), date, response->size);
    int r = print_headers(out, response, cors, is_secure);
    (void)fputs("\r\n", out);
    if (has_body)
        (void)fwrite(response->body, 1, response->size, out);
    bool is_whole = !ferror(out);
    is_whole &= fclose(out) == 0;
    return is_whole ? r : -ENOMEM;
}
