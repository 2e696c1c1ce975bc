/* Bodies in JSON, and their members. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json_read.h"

/* ---- the whole body ---- */

static int parse(const char *body, fd_fault *fault) {
    FD_JSON json_t *root = NULL;
    return fd_json_parse(body, strlen(body), &root, fault);
}

static void malformed_json_is_a_fault_with_line_and_column(void **state) {
    (void)state;
    fd_fault fault = {0};
    assert_int_equal(parse("{\n\"items\": [}\n", &fault), -EBADMSG);
    assert_string_equal(fault.pointer, "");
    assert_non_null(strstr(fault.detail, "line 2, column 11"));
    const char *const malformed[] = {
        "",
        "  ",
        "{",
        "{} x",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":1,}",
        "{\"a\":NaN}",
        "{\"a\":1e999}",
        "\"\xff\"",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud800\"}",
        "\xef\xbb\xbf{}",
    };
    for (size_t i = 0; i < FD_LENGTH(malformed); i++)
        assert_int_equal(parse(malformed[i], &fault), -EBADMSG);
}

static void a_parse_fault_does_not_repeat_the_body(void **state) {
    (void)state;
    fd_fault fault = {0};
    assert_int_equal(parse("{\"a\": secret}", &fault), -EBADMSG);
    assert_null(strstr(fault.detail, "secret"));
    assert_int_equal(parse("{\"secret\": 1, \"secret\": 2}", &fault), -EBADMSG);
    assert_null(strstr(fault.detail, "secret"));
    assert_non_null(strstr(fault.detail, "duplicate"));
}

static void duplicate_members_are_a_fault_at_any_depth(void **state) {
    (void)state;
    fd_fault fault = {0};
    assert_int_equal(parse("{\"a\":1,\"a\":1}", &fault), -EBADMSG);
    assert_int_equal(parse("{\"x\":[{\"a\":1,\"a\":1}]}", &fault), -EBADMSG);
}

static void the_root_must_be_an_object(void **state) {
    (void)state;
    const char *const roots[] = {"[]", "7", "\"text\"", "null", "true"};
    for (size_t i = 0; i < FD_LENGTH(roots); i++) {
        fd_fault fault = {0};
        assert_int_equal(parse(roots[i], &fault), -EINVAL);
        assert_string_equal(fault.pointer, "");
        assert_non_null(strstr(fault.detail, "object"));
    }
}

/* {"a":[[…]]} of `depth` levels, the object counted */
static int parse_nested(size_t depth, fd_fault *fault) {
    FD_FREE char *body = calloc(2 * depth + 16, 1);
    assert_non_null(body);
    strcpy(body, "{\"a\":");
    memset(body + 5, '[', depth - 1);
    memset(body + 5 + depth - 1, ']', depth - 1);
    body[5 + 2 * (depth - 1)] = '}';
    return parse(body, fault);
}

static void json_may_nest_32_levels(void **state) {
    (void)state;
    fd_fault fault = {0};
    assert_int_equal(parse_nested(32, &fault), 0);
    assert_int_equal(parse_nested(33, &fault), -EBADMSG);
    assert_non_null(strstr(fault.detail, "32"));
    assert_int_equal(parse_nested(200000, &fault), -EBADMSG);
}

static void brackets_in_strings_do_not_count_as_levels(void **state) {
    (void)state;
    fd_fault fault = {0};
    assert_int_equal(
        parse("{\"a\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\":\"{{{{{{{{{{{{{{{{{{{{{{"
              "{{{{{{{{{{{{{{{{{\\\\\",\"b\":[[],[],[],[],[],[],[],[],[],[],[],[],[],"
              "[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}",
              &fault),
        0);
}

/* ---- members ---- */

static const char *const colours[] = {"red", "green", "blue", NULL};

struct everything {
    const char *id;
    const char *text;
    int64_t integer;
    bool boolean;
    int colour;
    const json_t *list;
    const json_t *object;
    const json_t *any;
    const char *nullable;
};

static const fd_field everything_fields[] = {
    {"id", FD_FIELD_ID, .required = true, .offset = offsetof(struct everything, id)},
    {"text", FD_FIELD_TEXT, .offset = offsetof(struct everything, text)},
    {"integer", FD_FIELD_INTEGER, .offset = offsetof(struct everything, integer), .min = -3,
     .max = 12},
    {"boolean", FD_FIELD_BOOLEAN, .offset = offsetof(struct everything, boolean)},
    {"colour", FD_FIELD_ENUM, .offset = offsetof(struct everything, colour), .choices = colours},
    {"list", FD_FIELD_ARRAY, .offset = offsetof(struct everything, list), .min = 1, .max = 3},
    {"object", FD_FIELD_OBJECT, .offset = offsetof(struct everything, object)},
    {"any", FD_FIELD_ANY, .offset = offsetof(struct everything, any)},
    {"nullable", FD_FIELD_TEXT, .nullable = true, .offset = offsetof(struct everything, nullable)},
};

static int read_tree(json_t *tree, struct everything *ret, fd_fault *fault) {
    assert_non_null(tree);
    fd_path list = {.name = "things"};
    return fd_json_read(tree, &(fd_path){.parent = &list, .index = 4}, everything_fields,
                        FD_LENGTH(everything_fields), ret, fault);
}

static void every_kind_of_member_is_read_into_the_struct(void **state) {
    (void)state;
    FD_JSON json_t *tree = json_loads(
        "{\"id\":\"x\",\"text\":\"\",\"integer\":-3,\"boolean\":true,\"colour\":\"blue\","
        "\"list\":[1,2,3],\"object\":{},\"any\":null,\"nullable\":null}",
        0, NULL);
    struct everything got = {.colour = -1};
    fd_fault fault = {0};
    assert_int_equal(read_tree(tree, &got, &fault), 0);
    assert_string_equal(got.id, "x");
    assert_string_equal(got.text, "");
    assert_int_equal(got.integer, -3);
    assert_true(got.boolean);
    assert_int_equal(got.colour, 2);
    assert_int_equal(json_array_size(got.list), 3);
    assert_true(json_is_object(got.object));
    assert_true(json_is_null(got.any));
    assert_null(got.nullable);
}

static void an_absent_member_leaves_its_default(void **state) {
    (void)state;
    FD_JSON json_t *tree = json_loads("{\"id\":\"x\"}", 0, NULL);
    struct everything got = {.text = "default", .integer = 9, .boolean = true, .colour = 1};
    fd_fault fault = {0};
    assert_int_equal(read_tree(tree, &got, &fault), 0);
    assert_string_equal(got.text, "default");
    assert_int_equal(got.integer, 9);
    assert_true(got.boolean);
    assert_int_equal(got.colour, 1);
}

static void the_fault_points_at_the_wrong_member(void **state) {
    (void)state;
    static const struct {
        const char *json;
        const char *pointer;
        const char *detail; /* part of it */
    } cases[] = {
        {"7", "/things/4", "object"},
        {"[]", "/things/4", "object"},
        {"{}", "/things/4/id", "required"},
        {"{\"id\":null}", "/things/4/id", "string"},
        {"{\"id\":7}", "/things/4/id", "string"},
        {"{\"id\":\"\"}", "/things/4/id", "empty"},
        {"{\"id\":\"a\\nb\"}", "/things/4/id", "control"},
        {"{\"id\":\"a\\u007f\"}", "/things/4/id", "control"},
        {"{\"id\":\"x\",\"text\":7}", "/things/4/text", "string"},
        {"{\"id\":\"x\",\"text\":null}", "/things/4/text", "string"},
        {"{\"id\":\"x\",\"nullable\":[]}", "/things/4/nullable", "string"},
        {"{\"id\":\"x\",\"integer\":-4}", "/things/4/integer", "-3 to 12"},
        {"{\"id\":\"x\",\"integer\":13}", "/things/4/integer", "-3 to 12"},
        {"{\"id\":\"x\",\"integer\":1.5}", "/things/4/integer", "integer"},
        {"{\"id\":\"x\",\"integer\":\"1\"}", "/things/4/integer", "integer"},
        {"{\"id\":\"x\",\"integer\":true}", "/things/4/integer", "integer"},
        {"{\"id\":\"x\",\"boolean\":1}", "/things/4/boolean", "true or false"},
        {"{\"id\":\"x\",\"colour\":\"pink\"}", "/things/4/colour",
         "\"red\", \"green\" or \"blue\""},
        {"{\"id\":\"x\",\"colour\":0}", "/things/4/colour", "\"red\""},
        {"{\"id\":\"x\",\"list\":{}}", "/things/4/list", "list"},
        {"{\"id\":\"x\",\"list\":[]}", "/things/4/list", "1 to 3"},
        {"{\"id\":\"x\",\"list\":[1,2,3,4]}", "/things/4/list", "4 elements"},
        {"{\"id\":\"x\",\"object\":[]}", "/things/4/object", "object"},
        {"{\"id\":\"x\",\"more\":1}", "/things/4/more", "\"more\""},
        {"{\"id\":\"x\",\"a/b~c\":1}", "/things/4/a~1b~0c", "\"a/b~c\""},
        {"{\"id\":\"x\",\"\":1}", "/things/4/", "\"\""},
    };
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        FD_JSON json_t *tree = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        struct everything got = {0};
        fd_fault fault = {0};
        assert_int_equal(read_tree(tree, &got, &fault), -EINVAL);
        assert_string_equal(fault.pointer, cases[i].pointer);
        if (!strstr(fault.detail, cases[i].detail))
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].json, fault.detail, cases[i].detail);
    }
}

static json_t *long_string(const char *character, size_t n) {
    FD_FREE char *text = calloc(n, strlen(character) + 1);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        memcpy(text + i * strlen(character), character, strlen(character));
    return json_string(text);
}

static int read_string(const char *name, json_t *string, fd_fault *fault) {
    FD_JSON json_t *tree = json_pack("{s:s}", "id", "x");
    assert_int_equal(json_object_set_new(tree, name, string), 0);
    struct everything got = {0};
    return read_tree(tree, &got, fault);
}

static void ids_have_at_most_256_bytes_and_texts_a_mebibyte(void **state) {
    (void)state;
    fd_fault fault = {0};
    assert_int_equal(read_string("id", long_string("x", 256), &fault), 0);
    assert_int_equal(read_string("id", long_string("x", 257), &fault), -EINVAL);
    assert_int_equal(read_string("id", long_string("é", 129), &fault), -EINVAL);
    assert_string_equal(fault.pointer, "/things/4/id");
    assert_non_null(strstr(fault.detail, "258 bytes"));
    assert_int_equal(read_string("text", long_string("x", 1 << 20), &fault), 0);
    assert_int_equal(read_string("text", long_string("x", (1 << 20) + 1), &fault), -EINVAL);
    assert_string_equal(fault.pointer, "/things/4/text");
}

static void long_member_names_are_cut_between_characters(void **state) {
    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        FD_JSON json_t *tail = long_string("𝄞", 200);
        FD_JSON json_t *name = json_sprintf("%.*s%s", (int)shift, "xxxx", json_string_value(tail));
        fd_fault fault = {0};
        assert_int_equal(read_string(json_string_value(name), json_null(), &fault), -EINVAL);
        FD_JSON json_t *pointer = json_string(fault.pointer); /* NULL unless UTF-8 */
        FD_JSON json_t *detail = json_string(fault.detail);
        assert_non_null(pointer);
        assert_non_null(detail);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_json_is_a_fault_with_line_and_column),
        cmocka_unit_test(a_parse_fault_does_not_repeat_the_body),
        cmocka_unit_test(duplicate_members_are_a_fault_at_any_depth),
        cmocka_unit_test(the_root_must_be_an_object),
        cmocka_unit_test(json_may_nest_32_levels),
        cmocka_unit_test(brackets_in_strings_do_not_count_as_levels),
        cmocka_unit_test(every_kind_of_member_is_read_into_the_struct),
        cmocka_unit_test(an_absent_member_leaves_its_default),
        cmocka_unit_test(the_fault_points_at_the_wrong_member),
        cmocka_unit_test(ids_have_at_most_256_bytes_and_texts_a_mebibyte),
        cmocka_unit_test(long_member_names_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
