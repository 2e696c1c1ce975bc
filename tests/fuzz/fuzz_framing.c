/* HTTP framing: the result does not depend on how the bytes are split, and the requests that it
 * accepts are accepted by themselves too. The first byte of the input chooses the splits. */
#include <stdlib.h>
#include <string.h>

#include "framing.h"
#include "fuzz.h"
#include "macros.h"

/* Feeds the bytes and returns where the last complete request ended. */
static size_t feed(fd_framing *framing, const char *data, size_t size, uint32_t seed) {
    size_t at = 0, accepted = 0;
    while (at < size) {
        size_t part = size - at, ended = 0;
        if (seed != 0) {
            seed = seed * 1664525 + 1013904223;
            part = 1 + (seed >> 24) % (part < 32 ? part : 32);
        }
        FD_FREE char *exact = malloc(part);
        assert(exact);
        memcpy(exact, data + at, part);
        uint64_t before = framing->requests;
        bool is_well = fd_framing_read(framing, exact, part, &ended);
        assert(ended <= part && (ended > 0) == (framing->requests > before));
        assert(is_well == (framing->status == 0) && is_well == (framing->detail == NULL));
        accepted = ended > 0 ? at + ended : accepted;
        at += part;
        if (!is_well)
            break;
    }
    return accepted;
}

static void check_stays_refused(fd_framing *framing) {
    static const char good[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    unsigned status = framing->status;
    size_t ended;
    assert(status >= 400 && status < 600);
    assert(!fd_framing_read(framing, good, sizeof(good) - 1, &ended));
    assert(ended == 0 && framing->status == status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    const char *bytes = (const char *)data + 1;
    const fd_framing fresh = {.head_max = 16 << 10};
    fd_framing whole = fresh, split = fresh, alone = fresh;
    size_t accepted = feed(&whole, bytes, size - 1, 0);
    size_t accepted_split = feed(&split, bytes, size - 1, data[0] + 1u);
    assert(accepted == accepted_split);
    assert(whole.state == split.state && whole.status == split.status);
    assert(whole.detail == split.detail); /* static text */
    assert(whole.heads == split.heads && whole.requests == split.requests);
    assert(whole.left == split.left && whole.line_size == split.line_size);
    assert(whole.authority_size == split.authority_size);

    size_t accepted_alone = feed(&alone, bytes, accepted, 0);
    assert(accepted_alone == accepted && alone.status == 0 && alone.requests == whole.requests);
    assert(alone.state == FD_FRAMING_REQUEST_LINE && alone.line_size == 0);
    if (whole.status != 0)
        check_stays_refused(&whole);
    return 0;
}
