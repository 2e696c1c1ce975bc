/* Embeddings in JSON. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fisher/model.h>

#include "json_read.h"

static int read_embedding(const char *json, fd_embedding *ret, fd_fault *fault) {
    FD_JSON json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    fd_path list = {.name = "items"};
    fd_path item = {.parent = &list, .index = 3};
    return fd_json_embedding(value, &(fd_path){.parent = &item, .name = "embedding"}, ret, fault);
}

static void numbers_and_base64_give_the_same_embedding(void **state) {
    (void)state;
    fd_fault fault = {0};
    fd_embedding numbers = {0}, encoded = {0};
    assert_int_equal(read_embedding("[1, -0.5, 1e6]", &numbers, &fault), 0);
    assert_int_equal(read_embedding("\"AACAPwAAAL8AJHRJ\"", &encoded, &fault), 0);
    assert_int_equal(numbers.count, 3);
    assert_int_equal(encoded.count, 3);
    assert_memory_equal(numbers.numbers, encoded.numbers, 3 * sizeof(float));
    assert_true(numbers.numbers[1] == -0.5f);
    FD_JSON json_t *back = fd_json_base64(numbers.numbers, 3);
    assert_string_equal(json_string_value(back), "AACAPwAAAL8AJHRJ");
    free(numbers.numbers);
    free(encoded.numbers);
}

static void the_fault_points_at_the_wrong_number_or_embedding(void **state) {
    (void)state;
    static const struct {
        const char *json;
        const char *pointer;
        const char *detail;
    } cases[] = {
        {"7", "/items/3/embedding", "list of numbers or a base64"},
        {"null", "/items/3/embedding", "list of numbers or a base64"},
        {"[]", "/items/3/embedding", "0 numbers"},
        {"[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,\"1\"]", "/items/3/embedding/17", "number"},
        {"[1,null]", "/items/3/embedding/1", "number"},
        {"[1,true]", "/items/3/embedding/1", "number"},
        {"[1000001]", "/items/3/embedding/0", "1000000"},
        {"[1,2,-1.1e6]", "/items/3/embedding/2", "1000000"},
        {"\"\"", "/items/3/embedding", "0 numbers"},
        {"\"AAAA\"", "/items/3/embedding", "3 bytes"},
        {"\"AACAPw\"", "/items/3/embedding", "base64"},
        {"\"AACAPw=\"", "/items/3/embedding", "base64"},
        {"\"AACA!w==\"", "/items/3/embedding", "base64"},
        {"\"AACAPw== \"", "/items/3/embedding", "base64"},
        {"\"AACA_w==\"", "/items/3/embedding", "base64"},
        {"\"AADAfw==\"", "/items/3/embedding", "number 0"},     /* NaN */
        {"\"AACAPwAAgH8=\"", "/items/3/embedding", "number 1"}, /* infinity */
    };
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        fd_embedding got = {0};
        fd_fault fault = {0};
        assert_int_equal(read_embedding(cases[i].json, &got, &fault), -EINVAL);
        assert_null(got.numbers);
        assert_string_equal(fault.pointer, cases[i].pointer);
        if (!strstr(fault.detail, cases[i].detail))
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].json, fault.detail, cases[i].detail);
    }
}

static int read_zeros(size_t count, bool encoded, fd_fault *fault) {
    FD_FREE float *zeros = calloc(count, sizeof(*zeros));
    assert_non_null(zeros);
    FD_JSON json_t *value = encoded ? fd_json_base64(zeros, count) : json_array();
    for (size_t i = 0; !encoded && i < count; i++)
        assert_int_equal(json_array_append_new(value, json_integer(0)), 0);
    fd_embedding got = {0};
    int r = fd_json_embedding(value, &(fd_path){.name = "embedding"}, &got, fault);
    if (r == 0)
        assert_int_equal(got.count, count);
    free(got.numbers);
    return r;
}

static void an_embedding_has_at_most_65536_numbers(void **state) {
    (void)state;
    for (int encoded = 0; encoded < 2; encoded++) {
        fd_fault fault = {0};
        assert_int_equal(read_zeros(FI_INPUTS_MAX, encoded, &fault), 0);
        assert_int_equal(read_zeros(FI_INPUTS_MAX + 1, encoded, &fault), -EINVAL);
        assert_string_equal(fault.pointer, "/embedding");
        assert_non_null(strstr(fault.detail, "65536"));
        assert_int_equal(read_zeros(FI_INPUTS_MAX * 3, encoded, &fault), -EINVAL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_base64_give_the_same_embedding),
        cmocka_unit_test(the_fault_points_at_the_wrong_number_or_embedding),
        cmocka_unit_test(an_embedding_has_at_most_65536_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
