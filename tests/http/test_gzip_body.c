/* Compressed bodies: whole, in pieces, damaged, and far larger than they look. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "gzip_body.h"

enum { SIZE = 300000, ROOM = 1 << 20 };

struct bytes {
    unsigned char *at;
    size_t size;
};

/* Text that hardly repeats, and so does not shrink much. */
static struct bytes make_text(void) {
    struct bytes text = {malloc(SIZE), SIZE};
    uint32_t state = 1;
    assert_non_null(text.at);
    for (size_t i = 0; i < SIZE; i++) {
        state = state * 1664525 + 1013904223;
        text.at[i] = (unsigned char)('a' + (state >> 24) % 26);
    }
    return text;
}

static struct bytes pack(const unsigned char *data, size_t size) {
    struct bytes packed = {malloc(ROOM), 0};
    z_stream stream = {0};
    assert_non_null(packed.at);
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (unsigned char *)(uintptr_t)data;
    stream.avail_in = (unsigned)size;
    stream.next_out = packed.at;
    stream.avail_out = ROOM;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.size = stream.total_out;
    (void)deflateEnd(&stream);
    return packed;
}

struct taken {
    unsigned char *bytes;
    size_t size;
    size_t most; /* calls fail from here on; 0: none does */
};

static int take(void *context, const char *data, size_t size) {
    struct taken *taken = context;
    if (taken->most > 0 && taken->size + size > taken->most)
        return -ENOSPC;
    if (taken->bytes)
        memcpy(taken->bytes + taken->size, data, size);
    taken->size += size;
    return 0;
}

/* Feeds the bytes in pieces, and the end. */
static int unpack(struct bytes packed, size_t piece, struct taken *taken) {
    fd_gzip_body *body = NULL;
    int r = 0;
    assert_int_equal(fd_gzip_body_open(&body), 0);
    for (size_t at = 0; at < packed.size && r == 0; at += piece) {
        size_t size = packed.size - at < piece ? packed.size - at : piece;
        r = fd_gzip_body_feed(body, (const char *)packed.at + at, size, take, taken);
    }
    if (r == 0)
        r = fd_gzip_body_end(body);
    fd_gzip_body_close(body);
    return r;
}

static void the_pieces_make_no_difference(void **state) {
    struct bytes text = make_text(), packed = pack(text.at, text.size);
    static const size_t pieces[] = {1, 2, 3, 1000, 65536, ROOM};
    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct taken taken = {.bytes = malloc(SIZE)};
        assert_int_equal(unpack(packed, pieces[i], &taken), 0);
        assert_int_equal(taken.size, text.size);
        assert_memory_equal(taken.bytes, text.at, text.size);
        free(taken.bytes);
    }
    free(packed.at);
    free(text.at);
}

static void one_file_may_follow_another(void **state) {
    struct bytes text = make_text(), first = pack(text.at, 1000), second = pack(text.at, 70000);
    struct bytes both = {malloc(first.size + second.size), first.size + second.size};
    (void)state;
    memcpy(both.at, first.at, first.size);
    memcpy(both.at + first.size, second.at, second.size);
    for (size_t piece = 1; piece <= both.size; piece = 3 * piece + 1) {
        struct taken taken = {0};
        assert_int_equal(unpack(both, piece, &taken), 0);
        assert_int_equal(taken.size, 71000);
    }
    free(first.at);
    free(second.at);
    free(both.at);
    free(text.at);
}

static void a_body_without_its_end_is_refused(void **state) {
    struct bytes text = make_text(), packed = pack(text.at, 5000);
    (void)state;
    for (size_t size = 1; size < packed.size; size++) {
        struct taken taken = {0};
        assert_int_equal(unpack((struct bytes){packed.at, size}, 1000, &taken), -EBADMSG);
    }
    assert_int_equal(unpack((struct bytes){packed.at, 0}, 1, &(struct taken){0}), 0);
    free(packed.at);
    free(text.at);
}

static void a_damaged_body_is_refused(void **state) {
    struct bytes text = make_text(), packed = pack(text.at, 5000);
    (void)state;
    for (size_t at = packed.size - 8; at < packed.size; at++) { /* checksum and length */
        packed.at[at] ^= 1;
        assert_int_equal(unpack(packed, 1000, &(struct taken){0}), -EBADMSG);
        packed.at[at] ^= 1;
    }
    assert_int_equal(unpack(text, 1000, &(struct taken){0}), -EBADMSG);
    free(packed.at);
    free(text.at);
}

static void what_the_taker_returns_ends_it(void **state) {
    struct bytes text = make_text(), packed = pack(text.at, text.size);
    (void)state;
    assert_int_equal(unpack(packed, ROOM, &(struct taken){.most = 100000}), -ENOSPC);
    free(packed.at);
    free(text.at);
}

static void a_bomb_is_refused_once_it_is_large(void **state) {
    size_t size = 2 * (size_t)FD_GZIP_BODY_FREE;
    unsigned char *zeros = calloc(size, 1);
    assert_non_null(zeros);
    struct bytes packed = pack(zeros, size), small = pack(zeros, FD_GZIP_BODY_FREE / 2);
    struct taken taken = {0};
    (void)state;
    assert_int_equal(unpack(packed, 1000, &taken), -EMSGSIZE);
    assert_true(taken.size <= FD_GZIP_BODY_FREE);
    taken = (struct taken){0};
    assert_int_equal(unpack(small, 1000, &taken), 0);
    assert_int_equal(taken.size, FD_GZIP_BODY_FREE / 2);
    free(packed.at);
    free(small.at);
    free(zeros);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pieces_make_no_difference),
        cmocka_unit_test(one_file_may_follow_another),
        cmocka_unit_test(a_body_without_its_end_is_refused),
        cmocka_unit_test(a_damaged_body_is_refused),
        cmocka_unit_test(what_the_taker_returns_ends_it),
        cmocka_unit_test(a_bomb_is_refused_once_it_is_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
