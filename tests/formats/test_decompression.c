/* Compressed files: whole, in pieces, after one another, damaged and cut off. */
#include "decompression.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

enum { PLAIN_SIZE = 300000, ROOM = 1 << 20 };

static char plain[PLAIN_SIZE];
static char packed[ROOM];
static char found[ROOM];
static size_t found_size;

static int take(void *context, const char *bytes, size_t size) {
    (void)context;
    assert_true(size <= ROOM - found_size);
    memcpy(found + found_size, bytes, size);
    found_size += size;
    return 0;
}

/* Numbers that do not repeat, so that it has several blocks. */
static int make_plain(void **state) {
    (void)state;
    uint32_t number = 1;
    for (size_t i = 0; i < PLAIN_SIZE; i++) {
        number = number * 1664525 + 1013904223;
        plain[i] = (char)('a' + (number >> 24) % 26);
    }
    return 0;
}

static size_t gzip(char *to, size_t room) {
    z_stream stream = {.next_in = (unsigned char *)plain,
                       .avail_in = PLAIN_SIZE,
                       .next_out = (unsigned char *)to,
                       .avail_out = (unsigned)room};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t size = stream.total_out;
    (void)deflateEnd(&stream);
    return size;
}

/* With a checksum, as the program zstd writes it. */
static size_t zstd(char *to, size_t room) {
    ZSTD_CCtx *context = ZSTD_createCCtx();
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    size_t size = ZSTD_compress2(context, to, room, plain, PLAIN_SIZE);
    (void)ZSTD_freeCCtx(context);
    return size;
}

static int read_all(const char *bytes, size_t size, size_t piece) {
    fd_decompression *decompression;
    fd_fault fault = {0};
    found_size = 0;
    int r = fd_decompression_open(take, NULL, &decompression);
    for (size_t at = 0; r == 0 && at < size; at += piece)
        r = fd_decompression_feed(decompression, bytes + at, piece < size - at ? piece : size - at,
                                  &fault);
    if (r == 0)
        r = fd_decompression_end(decompression, &fault);
    fd_decompression_close(decompression);
    assert_int_equal(r < 0, fault.detail[0] != '\0');
    return r;
}

typedef size_t packer(char *to, size_t room);
static packer *const packers[] = {gzip, zstd};

static void test_a_compressed_file_is_read_however_it_is_cut(void **state) {
    (void)state;
    static const size_t pieces[] = {1, 3, 1000, ROOM};
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 4; j++) {
            size_t size = packers[i](packed, ROOM);
            assert_int_equal(read_all(packed, size, pieces[j]), 0);
            assert_int_equal(found_size, PLAIN_SIZE);
            assert_memory_equal(found, plain, PLAIN_SIZE);
        }
}

static void test_files_after_one_another_are_one(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t size = packers[i](packed, ROOM / 2);
        memcpy(packed + size, packed, size);
        assert_int_equal(read_all(packed, 2 * size, 1000), 0);
        assert_int_equal(found_size, 2 * PLAIN_SIZE);
    }
}

static void test_a_file_that_is_cut_off_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t size = packers[i](packed, ROOM);
        assert_int_equal(read_all(packed, size - 1, 1000), -EBADMSG);
        assert_int_equal(read_all(packed, size / 2, ROOM), -EBADMSG);
        assert_int_equal(read_all(packed, 5, ROOM), -EBADMSG);
    }
}

static void test_a_damaged_file_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t size = packers[i](packed, ROOM);
        memset(packed + size / 2, 0xff, 64);
        assert_int_equal(read_all(packed, size, 1000), -EBADMSG);
    }
}

static void test_anything_else_passes_as_it_is(void **state) {
    (void)state;
    static const char *const texts[] = {"", "a", "\x1f", "{\"id\":1}\n", "(\xb5/"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        for (size_t piece = 1; piece < 4; piece++) {
            assert_int_equal(read_all(texts[i], strlen(texts[i]), piece), 0);
            assert_int_equal(found_size, strlen(texts[i]));
            assert_memory_equal(found, texts[i], found_size);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_compressed_file_is_read_however_it_is_cut),
        cmocka_unit_test(test_files_after_one_another_are_one),
        cmocka_unit_test(test_a_file_that_is_cut_off_is_refused),
        cmocka_unit_test(test_a_damaged_file_is_refused),
        cmocka_unit_test(test_anything_else_passes_as_it_is),
    };
    return cmocka_run_group_tests(tests, make_plain, NULL);
}
