/* Bytes that may be gzip or zstd: in pieces of any size they give the same, or are refused. */
#include <errno.h>
#include <string.h>

#include "decompression.h"
#include "fuzz.h"

enum { MOST = 1 << 20 };

struct found {
    uint64_t sum;
    size_t size;
};

/* What decompresses to more than that is as good as endless. */
static int take(void *context, const char *bytes, size_t size) {
    struct found *found = context;
    for (size_t i = 0; i < size; i++)
        found->sum = (found->sum ^ (unsigned char)bytes[i]) * UINT64_C(1099511628211);
    found->size += size;
    return found->size > MOST ? -EFBIG : 0;
}

static int decompress(const uint8_t *data, size_t size, size_t piece, struct found *ret) {
    fd_decompression *decompression;
    fd_fault fault = {0};
    int r = fd_decompression_open(take, ret, &decompression);
    assert(r == 0);
    for (size_t at = 0; r == 0 && at < size; at += piece)
        r = fd_decompression_feed(decompression, (const char *)data + at,
                                  piece < size - at ? piece : size - at, &fault);
    if (r == 0)
        r = fd_decompression_end(decompression, &fault);
    assert(r == 0 || r == -EFBIG || (r == -EBADMSG && fault.detail[0] != '\0'));
    fd_decompression_close(decompression);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct found whole = {0}, pieces = {0};
    int r = decompress(data, size, size + 1, &whole);
    int again = decompress(data, size, 7, &pieces);
    assert(r == again);
    assert(r < 0 || (whole.sum == pieces.sum && whole.size == pieces.size));
    return 0;
}
