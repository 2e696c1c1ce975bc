/* The framing check: however the bytes are split it says the same, and what it lets pass stands by
 * itself. The first byte chooses the splits. */
#include <stdlib.h>
#include <string.h>

#include "framing.h"
#include "fuzz.h"
#include "macros.h"

/* Where the last whole request ended, of all that was shown. */
static size_t show(fd_framing *framing, const char *data, size_t size, uint32_t seed) {
    size_t at = 0, passed = 0;
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
        passed = ended > 0 ? at + ended : passed;
        at += part;
        if (!is_well)
            break;
    }
    return passed;
}

static void check_refused(fd_framing *framing) {
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
    size_t passed = show(&whole, bytes, size - 1, 0);
    size_t passed_split = show(&split, bytes, size - 1, data[0] + 1u);
    assert(passed == passed_split);
    assert(whole.state == split.state && whole.status == split.status);
    assert(whole.detail == split.detail); /* static text */
    assert(whole.heads == split.heads && whole.requests == split.requests);
    assert(whole.left == split.left && whole.line_size == split.line_size);

    size_t passed_alone = show(&alone, bytes, passed, 0);
    assert(passed_alone == passed && alone.status == 0 && alone.requests == whole.requests);
    assert(alone.state == FD_FRAMING_REQUEST_LINE && alone.line_size == 0);
    if (whole.status != 0)
        check_refused(&whole);
    return 0;
}
