/* The rules for ids, texts and metadata, at their bounds. */
#include "text_rules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "utf8.h"

static size_t encode(uint32_t c, char text[static 5]) {
    size_t length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t firsts[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length; i-- > 1; c >>= 6)
        text[i] = (char)(0x80 | (c & 0x3f));
    text[0] = (char)(firsts[length] | c);
    text[length] = '\0';
    return length;
}

static bool is_listed(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static void exactly_the_listed_characters_are_control_characters(void **state) {
    (void)state;
    for (uint32_t c = 1; c < 0x110000; c++) {
        char text[5], why[FD_RULE_SIZE];
        if (c >= 0xd800 && c < 0xe000)
            continue;
        size_t length = encode(c, text);
        assert_int_equal(fd_utf8_length(text), length);
        assert_int_equal(fd_utf8_is_control(text), is_listed(c));
        assert_int_equal(fd_id_rule(text, length, why), is_listed(c) ? -EINVAL : 0);
        assert_int_equal(fd_text_rule(text, length, why), 0);
    }
}

static void ids_and_texts_have_bounds_and_are_utf8(void **state) {
    (void)state;
    static char text[FD_TEXT_MAX + 2];
    char why[FD_RULE_SIZE];
    memset(text, 'x', sizeof(text) - 1);
    assert_int_equal(fd_id_rule("", 0, why), -EINVAL);
    assert_int_equal(fd_id_rule(text, FD_ID_MAX, why), 0);
    assert_int_equal(fd_id_rule(text, FD_ID_MAX + 1, why), -EINVAL);
    assert_string_equal(why, "has 257 bytes; at most 256 are allowed");
    assert_int_equal(fd_reference_rule(FD_ID_MAX, why), 0);
    assert_int_equal(fd_reference_rule(0, why), -EINVAL);
    assert_int_equal(fd_text_rule(text, FD_TEXT_MAX, why), 0);
    assert_int_equal(fd_text_rule(text, FD_TEXT_MAX + 1, why), -EINVAL);
    assert_int_equal(fd_text_rule("", 0, why), 0);
    assert_int_equal(fd_text_rule("a\xff", 2, why), -EINVAL);
    assert_int_equal(fd_text_rule("a\0b", 3, why), -EINVAL);
    assert_int_equal(fd_id_rule("a\xc3", 2, why), -EINVAL);
}

static int metadata_of_depth(int depth) {
    char json[2 * 64 + 8] = "", why[FD_RULE_SIZE];
    (void)strcat(json, "{\"x\":");
    for (int i = 1; i < depth; i++)
        (void)strcat(json, "[");
    for (int i = 1; i < depth; i++)
        (void)strcat(json, "]");
    (void)strcat(json, "}");
    return fd_metadata_rule(json, strlen(json), why);
}

static void metadata_is_an_object_that_a_request_could_hold(void **state) {
    (void)state;
    static const char *const brackets = "{\"a\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\":\"{{\\\\\"}";
    char why[FD_RULE_SIZE];
    assert_int_equal(metadata_of_depth(FD_METADATA_DEPTH_MAX), 0);
    assert_int_equal(metadata_of_depth(FD_METADATA_DEPTH_MAX + 1), -EINVAL);
    assert_int_equal(fd_metadata_rule(brackets, strlen(brackets), why), 0);
    assert_int_equal(fd_metadata_rule("[]", 2, why), -EINVAL);
    assert_int_equal(fd_metadata_rule("5", 1, why), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_the_listed_characters_are_control_characters),
        cmocka_unit_test(ids_and_texts_have_bounds_and_are_utf8),
        cmocka_unit_test(metadata_is_an_object_that_a_request_could_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
