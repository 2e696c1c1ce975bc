/* Base64 against libsodium. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base64.h"
#include "rng.h"

static void compare(const char *text, size_t length, size_t room) {
    unsigned char *expected = malloc(room + 1), *found = malloc(room + 1);
    size_t expected_size = 0, found_size = 0;
    /* libsodium takes bytes from 0x80 on, which are no characters of base64. */
    bool is_good = true;
    for (size_t i = 0; i < length; i++)
        is_good = is_good && (signed char)text[i] >= 0;
    is_good = is_good && sodium_base642bin(expected, room, text, length, NULL, &expected_size, NULL,
                                           sodium_base64_VARIANT_ORIGINAL) == 0;
    assert_int_equal(fd_base64_decode(text, length, found, room, &found_size), is_good);
    if (is_good) {
        assert_int_equal(found_size, expected_size);
        assert_memory_equal(found, expected, found_size);
    }
    free(expected);
    free(found);
}

static void every_length_decodes_as_libsodium_decodes_it(void **state) {
    (void)state;
    fd_rng rng = fd_rng_seeded(1);
    for (size_t size = 0; size < 200; size++) {
        unsigned char bytes[200];
        char text[400];
        for (size_t i = 0; i < size; i++)
            bytes[i] = (unsigned char)fd_rng_below(&rng, 256);
        sodium_bin2base64(text, sizeof(text), bytes, size, sodium_base64_VARIANT_ORIGINAL);
        size_t found_size = 0;
        unsigned char found[200];
        assert_true(fd_base64_decode(text, strlen(text), found, sizeof(found), &found_size));
        assert_int_equal(found_size, size);
        assert_memory_equal(found, bytes, size);
        for (size_t length = 0; length <= strlen(text); length++)
            compare(text, length, size);
        for (size_t room = 0; room <= size; room++)
            compare(text, strlen(text), room);
    }
}

static void a_wrong_character_is_refused_wherever_it_stands(void **state) {
    (void)state;
    for (size_t place = 0; place < 16; place++)
        for (int c = 0; c < 256; c++) {
            char text[] = "QUJDREVGR0hJSktM";
            text[place] = (char)c;
            compare(text, 16, 12);
        }
}

static void padding_must_be_whole_and_without_bits_beyond_it(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",         "=",        "==",   "A",        "AA",    "AA=",   "AA==",     "AB==",
        "AAA=",     "AAB=",     "AAAA", "AA==AA==", "A===",  "====",  "AAAAAA==", "AAAAAAA=",
        "AAAAAAB=", "AAAA====", "AA=A", "AAAA ",    " AAAA", "AAAA\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        compare(texts[i], strlen(texts[i]), 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_decodes_as_libsodium_decodes_it),
        cmocka_unit_test(a_wrong_character_is_refused_wherever_it_stands),
        cmocka_unit_test(padding_must_be_whole_and_without_bits_beyond_it),
    };
    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
