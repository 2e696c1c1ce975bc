/* Values and responses in JSON. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json_memory.h"
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
                 {-1, "1969-12-31T23:59:59.999Z"},
                 {253402300799999, "9999-12-31T23:59:59.999Z"},
                 {9007199254740992, "9999-12-31T23:59:59.999Z"}};
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
    static const char *const pages[] = {"{\"items\":[1,2],\"next_cursor\":null}",
                                        "{\"items\":[1,2],\"next_cursor\":\"12\"}"};
    for (int more = 0; more < 2; more++) {
        fd_response response = {0};
        fd_json_text text = {0};
        fd_json_text_add(&text, "{\"items\":[");
        assert_int_equal(fd_json_text_add_row(&text, json_integer(1)), 0);
        assert_int_equal(fd_json_text_add_row(&text, json_integer(2)), 0);
        fd_json_respond_page(&response, &text, more != 0, 12);
        assert_string_equal(response.body, pages[more]);
        free(response.body);
    }
}

/* A budget of some bytes. */
static bool take(void *context, size_t bytes) {
    size_t *left = context;
    if (bytes > *left)
        return false;
    *left -= bytes;
    return true;
}

static void json_past_the_memory_budget_becomes_a_503(void **state) {
    (void)state;
    size_t left = 1 << 20;
    fd_json_meter meter = {.take = take, .context = &left};
    fd_json_memory_open();
    fd_json_meter_begin(&meter);
    fd_json_text text = {0};
    int r = 0;
    size_t rows = 0;
    for (; rows < 1 << 20 && r == 0; rows++)
        r = fd_json_text_add_row(&text, json_string("a row of some bytes"));
    assert_int_equal(r, -ENOMEM);
    assert_in_range(rows, 10000, 1 << 16);
    fd_response response = {0};
    fd_json_text_respond(&response, 200, &text);
    fd_json_meter_end();
    assert_true(meter.is_refused);
    assert_int_equal(response.status, 503);
    assert_non_null(strstr(response.body, "not enough memory"));
    free(response.body);
}

static void memory_that_is_given_back_can_be_used_again(void **state) {
    (void)state;
    size_t left = 256 << 10;
    fd_json_meter meter = {.take = take, .context = &left};
    fd_json_memory_open();
    fd_json_meter_begin(&meter);
    for (int i = 0; i < 100000; i++) {
        json_t *tree = json_pack("{s:[i, i, i]}", "numbers", i, i, i);
        assert_non_null(tree);
        json_decref(tree);
    }
    fd_json_meter_end();
    assert_int_equal(meter.used, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_are_not_finite_become_null),
        cmocka_unit_test(times_are_rfc_3339_with_milliseconds),
        cmocka_unit_test(a_response_is_compact_and_its_numbers_are_exact),
        cmocka_unit_test(the_last_page_has_no_cursor),
        cmocka_unit_test(json_past_the_memory_budget_becomes_a_503),
        cmocka_unit_test(memory_that_is_given_back_can_be_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
