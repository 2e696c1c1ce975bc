/* Compresses responses with gzip. */
#include "compression.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

enum {
    SIZE_MIN = 4096,      /* bytes; smaller bodies fit few packets anyway */
    STATE = 280 << 10,    /* bytes that zlib needs besides */
    GZIP_WINDOW = 15 + 16 /* the largest window, and gzip's header and trailer */
};

/* ---- Accept-Encoding ---- */

static const char *skip_blanks(const char *text) {
    return text + strspn(text, " \t");
}

/* Whether the parameters of an element, up to the next comma, say q=0. */
static bool is_refused(const char *parameters, const char *end) {
    for (const char *at = parameters; at < end;) {
        at = skip_blanks(at + (*at == ';'));
        if ((*at == 'q' || *at == 'Q') && at[1] == '=') {
            at += 2;
            bool is_zero = at < end && *at == '0';
            for (; at < end && *at != ';' && *at != ' ' && *at != '\t'; at++)
                is_zero &= *at == '0' || *at == '.';
            return is_zero;
        }
        while (at < end && *at != ';')
            at++;
    }
    return false;
}

bool fd_compression_is_accepted(const char *accept_encoding) {
    bool accepts_any = false;
    for (const char *at = accept_encoding; at && *at; at += *at == ',') {
        at = skip_blanks(at);
        size_t size = strcspn(at, ",; \t");
        const char *end = at + strcspn(at, ",");
        bool is_accepted = !is_refused(skip_blanks(at + size), end);
        if ((size == 4 && strncasecmp(at, "gzip", size) == 0) ||
            (size == 6 && strncasecmp(at, "x-gzip", size) == 0))
            return is_accepted;
        if (size == 1 && *at == '*')
            accepts_any = is_accepted;
        at = end;
    }
    return accepts_any;
}

/* ---- bodies ---- */

/* Text; models are floating-point numbers, which hardly become smaller. */
static bool is_text(const fd_response *response) {
    return !response->content_type ||
           strcmp(response->content_type, "application/octet-stream") != 0;
}

/* The size of the compressed body in `to` [room]; 0 if it does not fit. */
static size_t compress_body(const fd_response *response, char *to, size_t room) {
    z_stream stream = {0};
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    stream.next_in = (unsigned char *)response->body;
    stream.avail_in = (unsigned)response->size;
    stream.next_out = (unsigned char *)to;
    stream.avail_out = (unsigned)room;
    bool is_whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    (void)deflateEnd(&stream);
    return is_whole ? room - stream.avail_out : 0;
}

void fd_compression_apply(fd_transaction *transaction, fd_response *response) {
    if (response->is_secret || !is_text(response) ||
        (response->status != 200 && response->status != 304))
        return;
    response->varies_by_encoding = true;
    if (response->size < SIZE_MIN || response->size > UINT32_MAX ||
        !fd_compression_is_accepted(fd_transaction_header(transaction, "Accept-Encoding")) ||
        !fd_transaction_take_memory(transaction, response->size + STATE))
        return;
    char *compressed = malloc(response->size);
    size_t size = compressed ? compress_body(response, compressed, response->size - 1) : 0;
    if (size == 0) {
        free(compressed);
        return;
    }
    char *fitting = realloc(compressed, size);
    free(response->body);
    response->body = fitting ? fitting : compressed;
    response->size = size;
    response->is_compressed = true;
}
