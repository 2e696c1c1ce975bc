/* Decompresses streams by zlib and libzstd. */
#include "decompression.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { CHUNK = 64 << 10, HEAD = 4, GZIP_WINDOW = 15 + 16 };

typedef enum kind { UNKNOWN, PLAIN, GZIP, ZSTD } kind;

struct fd_decompression {
    fd_decompressed *take;
    void *context;
    kind kind;
    char head[HEAD]; /* [head_size], as long as the kind is not known */
    size_t head_size;
    bool is_within; /* a compressed part has begun and not ended */
    z_stream gzip;
    ZSTD_DStream *zstd;
    char chunk[CHUNK];
};

int fd_decompression_open(fd_decompressed *take, void *context, fd_decompression **ret) {
    fd_decompression *decompression = calloc(1, sizeof(*decompression));
    *ret = decompression;
    if (!decompression)
        return -ENOMEM;
    decompression->take = take;
    decompression->context = context;
    return 0;
}

void fd_decompression_close(fd_decompression *decompression) {
    if (decompression->kind == GZIP)
        (void)inflateEnd(&decompression->gzip);
    (void)ZSTD_freeDStream(decompression->zstd);
    free(decompression);
}

/* ---- kinds ---- */

static bool begins_with(const fd_decompression *decompression, const char *magic, size_t size) {
    return decompression->head_size >= size && memcmp(decompression->head, magic, size) == 0;
}

static int find_kind(fd_decompression *decompression) {
    if (begins_with(decompression, "\x1f\x8b", 2)) {
        if (inflateInit2(&decompression->gzip, GZIP_WINDOW) != Z_OK)
            return -ENOMEM;
        decompression->kind = GZIP;
    } else if (begins_with(decompression, "\x28\xb5\x2f\xfd", 4)) {
        decompression->zstd = ZSTD_createDStream();
        if (!decompression->zstd)
            return -ENOMEM;
        decompression->kind = ZSTD;
    } else {
        decompression->kind = PLAIN;
    }
    return 0;
}

static int damaged(fd_fault *fault, const char *name) {
    return fd_fault_set(fault, -EBADMSG, "", "its %s compression is damaged or cut off", name);
}

static int feed_gzip(fd_decompression *decompression, const char *bytes, size_t size,
                     fd_fault *fault) {
    z_stream *stream = &decompression->gzip;
    /* zlib has no const in its signature, and does not write there. */
    stream->next_in = (unsigned char *)bytes;
    stream->avail_in = (unsigned)size;
    bool is_full = false;
    while (stream->avail_in > 0 || is_full) {
        if (!decompression->is_within && inflateReset(stream) != Z_OK)
            return -ENOMEM;
        decompression->is_within = true;
        stream->next_out = (unsigned char *)decompression->chunk;
        stream->avail_out = CHUNK;
        int result = inflate(stream, Z_NO_FLUSH);
        if (result == Z_MEM_ERROR)
            return -ENOMEM;
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return damaged(fault, "gzip");
        decompression->is_within = result != Z_STREAM_END;
        is_full = stream->avail_out == 0 && decompression->is_within;
        int r = decompression->take(decompression->context, decompression->chunk,
                                    CHUNK - stream->avail_out);
        if (r < 0)
            return r;
    }
    return 0;
}

static int feed_zstd(fd_decompression *decompression, const char *bytes, size_t size,
                     fd_fault *fault) {
    ZSTD_inBuffer in = {bytes, size, 0};
    bool is_full = false;
    while (in.pos < in.size || is_full) {
        ZSTD_outBuffer out = {decompression->chunk, CHUNK, 0};
        size_t left = ZSTD_decompressStream(decompression->zstd, &out, &in);
        if (ZSTD_isError(left))
            return damaged(fault, "zstd");
        decompression->is_within = left != 0;
        is_full = out.pos == out.size && left != 0;
        int r = decompression->take(decompression->context, decompression->chunk, out.pos);
        if (r < 0)
            return r;
    }
    return 0;
}

static int feed(fd_decompression *decompression, const char *bytes, size_t size, fd_fault *fault) {
    switch (decompression->kind) {
    case GZIP:
        return feed_gzip(decompression, bytes, size, fault);
    case ZSTD:
        return feed_zstd(decompression, bytes, size, fault);
    case PLAIN:
    case UNKNOWN:
        break;
    }
    return size > 0 ? decompression->take(decompression->context, bytes, size) : 0;
}

/* ---- feeding ---- */

static int begin(fd_decompression *decompression, fd_fault *fault) {
    int r = find_kind(decompression);
    return r < 0 ? r : feed(decompression, decompression->head, decompression->head_size, fault);
}

int fd_decompression_feed(fd_decompression *decompression, const char *bytes, size_t size,
                          fd_fault *fault) {
    if (decompression->kind == UNKNOWN) {
        size_t room = HEAD - decompression->head_size, n = size < room ? size : room;
        memcpy(decompression->head + decompression->head_size, bytes, n);
        decompression->head_size += n;
        if (decompression->head_size < HEAD)
            return 0;
        int r = begin(decompression, fault);
        if (r < 0)
            return r;
        bytes += n;
        size -= n;
    }
    return feed(decompression, bytes, size, fault);
}

int fd_decompression_end(fd_decompression *decompression, fd_fault *fault) {
    int r = decompression->kind == UNKNOWN ? begin(decompression, fault) : 0;
    if (r == 0 && decompression->is_within)
        return damaged(fault, decompression->kind == GZIP ? "gzip" : "zstd");
    return r;
}
