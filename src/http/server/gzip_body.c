/* Decompresses gzip with zlib. One member may follow another, as `cat a.gz b.gz` makes them. */
#include "gzip_body.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16, PIECE = 64 << 10 };

struct fd_gzip_body {
    z_stream stream;
    uint64_t in, out; /* bytes so far */
    bool has_ended;   /* the last byte was the last one of a member */
    unsigned char piece[PIECE];
};

int fd_gzip_body_open(fd_gzip_body **ret) {
    fd_gzip_body *opened = calloc(1, sizeof(*opened));
    if (!opened || inflateInit2(&opened->stream, GZIP_WINDOW) != Z_OK) {
        free(opened);
        return -ENOMEM;
    }
    *ret = opened;
    return 0;
}

void fd_gzip_body_close(fd_gzip_body *body) {
    (void)inflateEnd(&body->stream);
    free(body);
}

static bool is_bomb(const fd_gzip_body *body) {
    return body->out > FD_GZIP_BODY_FREE && body->out / FD_GZIP_BODY_RATIO > body->in;
}

/* Fills the piece. *ret is its size. */
static int inflate_piece(fd_gzip_body *body, size_t *ret) {
    z_stream *stream = &body->stream;
    if (body->has_ended && inflateReset(stream) != Z_OK)
        return -EBADMSG;
    stream->next_out = body->piece;
    stream->avail_out = PIECE;
    int r = inflate(stream, Z_NO_FLUSH);
    if (r == Z_MEM_ERROR)
        return -ENOMEM;
    if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
        return -EBADMSG;
    body->has_ended = r == Z_STREAM_END;
    *ret = PIECE - stream->avail_out;
    body->out += *ret;
    return is_bomb(body) ? -EMSGSIZE : 0;
}

int fd_gzip_body_feed(fd_gzip_body *body, const char *data, size_t size,
                      int (*take)(void *context, const char *data, size_t size), void *context) {
    z_stream *stream = &body->stream;
    size_t got = PIECE;
    stream->next_in = (unsigned char *)(uintptr_t)data;
    stream->avail_in = (unsigned)size;
    body->in += size;
    while (stream->avail_in > 0 || got == PIECE) {
        if (body->has_ended && stream->avail_in == 0)
            break;
        int r = inflate_piece(body, &got);
        if (r == 0 && got > 0)
            r = take(context, (const char *)body->piece, got);
        if (r < 0)
            return r;
    }
    return 0;
}

int fd_gzip_body_end(const fd_gzip_body *body) {
    return body->has_ended || body->in == 0 ? 0 : -EBADMSG;
}
