/* Values and responses in JSON. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json_tree.h"
#include "json_write.h"

static void numbers_that_are_not_finite_become_null(void **state) {
    (void)state;
    const double numbers[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < FD_LENGTH(numbers); i++) {
        FD_JSON json_t *null = fd_json_real(numbers[i]);
        assert_true(json_is_null(null));
    }
    FD_JSON json_t *half = fd_json_real(0.5);
    assert_true(json_real_value(half) == 0.5);
}

static void times_are_rfc_3339_with_milliseconds(void **state) {
    (void)state;
    static const struct {
        int64_t milliseconds;
        const char *text;
    } cases[] = {{0, "1970-01-01T00:00:00.000Z"},
                 {1777628552007, "2026-05-01T09:42:32.007Z"},
                 {-1, "1969-12-31T23:59:59.999Z"}};
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        FD_JSON json_t *time = fd_json_time(cases[i].milliseconds);
        assert_string_equal(json_string_value(time), cases[i].text);
    }
}

static void a_response_is_compact_and_its_numbers_are_exact(void **state) {
    (void)state;
    fd_response response = {0};
    fd_json_respond(&response, 200, json_pack("{s:f, s:[]}", "x", 1.0 / 3, "y"));
    assert_int_equal(response.status, 200);
    assert_int_equal(response.size, strlen(response.body));
    assert_string_equal(response.body, "{\"x\":0.33333333333333331,\"y\":[]}");
    free(response.body);
}

static void the_last_page_has_no_cursor(void **state) {
    (void)state;
    FD_JSON json_t *page = fd_json_page("items", json_array(), true, 12);
    assert_string_equal(json_string_value(json_object_get(page, "next_cursor")), "12");
    assert_true(json_is_array(json_object_get(page, "items")));
    FD_JSON json_t *last = fd_json_page("items", json_array(), false, 12);
    assert_true(json_is_null(json_object_get(last, "next_cursor")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_are_not_finite_become_null),
        cmocka_unit_test(times_are_rfc_3339_with_milliseconds),
        cmocka_unit_test(a_response_is_compact_and_its_numbers_are_exact),
        cmocka_unit_test(the_last_page_has_no_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
