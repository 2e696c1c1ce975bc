#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json_read.h"
#include "score.h"

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

static void a_parse_fault_repeats_nothing_of_the_body(void **state) {
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

static void a_root_that_is_no_object_is_wrong_content(void **state) {
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

static void thirty_two_levels_are_taken_and_more_are_not(void **state) {
    (void)state;
    fd_fault fault = {0};
    assert_int_equal(parse_nested(32, &fault), 0);
    assert_int_equal(parse_nested(33, &fault), -EBADMSG);
    assert_non_null(strstr(fault.detail, "32"));
    assert_int_equal(parse_nested(200000, &fault), -EBADMSG);
}

static void brackets_in_strings_are_no_depth(void **state) {
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

static void every_kind_of_member_is_read_into_its_place(void **state) {
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

static void each_wrong_member_is_pointed_at(void **state) {
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

static void long_names_of_members_are_cut_between_characters(void **state) {
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

/* ---- embeddings ---- */

static int read_embedding(const char *json, fd_embedding *ret, fd_fault *fault) {
    FD_JSON json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    fd_path list = {.name = "items"};
    fd_path item = {.parent = &list, .index = 3};
    return fd_json_embedding(value, &(fd_path){.parent = &item, .name = "embedding"}, ret, fault);
}

static void numbers_and_base64_are_the_same_embedding(void **state) {
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

static void each_wrong_embedding_is_pointed_at(void **state) {
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

/* ---- item references ---- */

static int read_reference(const char *json, fd_item_reference *ret, fd_fault *fault) {
    FD_JSON json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    int r = fd_json_item_reference(value, &(fd_path){.name = "a"}, ret, fault);
    if (ret->id) /* borrowed from the tree */
        assert_string_equal(ret->id, "x");
    return r;
}

static void an_item_is_named_by_id_or_given_by_embedding(void **state) {
    (void)state;
    static const struct {
        const char *json;
        bool id;
        size_t dimension;
    } cases[] = {{"\"x\"", true, 0}, {"{\"id\":\"x\"}", true, 0}, {"{\"embedding\":[1,2]}", 0, 2}};
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        fd_item_reference *got = calloc(1, sizeof(*got));
        assert_non_null(got);
        fd_fault fault = {0};
        assert_int_equal(read_reference(cases[i].json, got, &fault), 0);
        assert_int_equal(got->id != NULL, cases[i].id);
        assert_int_equal(got->embedding != NULL, !cases[i].id);
        assert_int_equal(got->dimension, cases[i].dimension);
        fd_item_references_free(got, 1);
    }
}

static void each_wrong_reference_is_pointed_at(void **state) {
    (void)state;
    static const struct {
        const char *json;
        const char *pointer;
        const char *detail;
    } cases[] = {
        {"7", "/a", "id or an object"},
        {"null", "/a", "id or an object"},
        {"\"\"", "/a", "empty"},
        {"{}", "/a/embedding", "required"},
        {"{\"embedding\":[1],\"id\":\"x\"}", "/a/embedding", "excludes"},
        {"{\"embedding\":[1],\"more\":\"x\"}", "/a/more", "more"},
        {"{\"embedding\":[1,\"2\"]}", "/a/embedding/1", "number"},
        {"{\"id\":7}", "/a/id", "string"},
    };
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        fd_item_reference *got = calloc(1, sizeof(*got));
        assert_non_null(got);
        fd_fault fault = {0};
        assert_int_equal(read_reference(cases[i].json, got, &fault), -EINVAL);
        assert_string_equal(fault.pointer, cases[i].pointer);
        if (!strstr(fault.detail, cases[i].detail))
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].json, fault.detail, cases[i].detail);
        fd_item_references_free(got, 1);
    }
}

/* ---- queries ---- */

static int read_query(const char *name, const char *value, unsigned takes, fd_query *ret,
                      fd_fault *fault) {
    fd_request request = {.query_count = 1, .query = {{name, value}}};
    return fd_query_read(&request, takes, 1000000, ret, fault);
}

static void a_query_says_which_page_and_how_much_of_it(void **state) {
    (void)state;
    fd_request request = {.query_count = 3,
                          .query = {{"limit", "1000"}, {"cursor", "7"}, {"embeddings", "true"}}};
    fd_query got;
    fd_fault fault = {0};
    assert_int_equal(fd_query_read(&request, FD_QUERY_PAGE | FD_QUERY_EMBEDDINGS, 10, &got, &fault),
                     0);
    assert_int_equal(got.limit, 1000);
    assert_int_equal(got.cursor, 7);
    assert_true(got.embeddings);

    assert_int_equal(fd_query_read(&(fd_request){0}, FD_QUERY_PAGE, 10, &got, &fault), 0);
    assert_int_equal(got.limit, 100);
    assert_int_equal(got.cursor, 0);
    assert_false(got.embeddings);
    assert_int_equal(read_query("embedding", "false", FD_QUERY_EMBEDDING, &got, &fault), 0);
}

static void a_wrong_query_parameter_is_named(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        unsigned takes;
    } cases[] = {
        {"limit", "0", FD_QUERY_PAGE},
        {"limit", "1001", FD_QUERY_PAGE},
        {"limit", "-1", FD_QUERY_PAGE},
        {"limit", "+1", FD_QUERY_PAGE},
        {"limit", " 1", FD_QUERY_PAGE},
        {"limit", "", FD_QUERY_PAGE},
        {"limit", "5x", FD_QUERY_PAGE},
        {"limit", "99999999999999999999", FD_QUERY_PAGE},
        {"limit", "5", FD_QUERY_NOTHING},
        {"cursor", "1000001", FD_QUERY_PAGE},
        {"cursor", "!!", FD_QUERY_PAGE},
        {"cursor", "1", FD_QUERY_EMBEDDINGS},
        {"embeddings", "yes", FD_QUERY_EMBEDDINGS},
        {"embeddings", "true", FD_QUERY_EMBEDDING},
        {"embedding", "true", FD_QUERY_PAGE | FD_QUERY_EMBEDDINGS},
        {"embedding", "", FD_QUERY_EMBEDDING},
        {"colour", "red", FD_QUERY_PAGE},
    };
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        fd_query got;
        fd_fault fault = {0};
        assert_int_equal(read_query(cases[i].name, cases[i].value, cases[i].takes, &got, &fault),
                         -EINVAL);
        char quoted[32];
        (void)snprintf(quoted, sizeof(quoted), "\"%s\"", cases[i].name);
        assert_non_null(strstr(fault.detail, quoted));
    }
}

static void a_query_parameter_counts_once(void **state) {
    (void)state;
    fd_request request = {.query_count = 2, .query = {{"limit", "5"}, {"limit", "5"}}};
    fd_query got;
    fd_fault fault = {0};
    assert_int_equal(fd_query_read(&request, FD_QUERY_PAGE, 10, &got, &fault), -EINVAL);
    assert_non_null(strstr(fault.detail, "twice"));
}

/* ---- writing ---- */

static void a_number_that_json_lacks_becomes_null(void **state) {
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

static void an_answer_is_compact_and_its_numbers_are_exact(void **state) {
    (void)state;
    fd_request request = {0};
    fd_response response = {0};
    fd_json_respond(&request, &response, 200, json_pack("{s:f, s:[]}", "x", 1.0 / 3, "y"));
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
        cmocka_unit_test(malformed_json_is_a_fault_with_line_and_column),
        cmocka_unit_test(a_parse_fault_repeats_nothing_of_the_body),
        cmocka_unit_test(duplicate_members_are_a_fault_at_any_depth),
        cmocka_unit_test(a_root_that_is_no_object_is_wrong_content),
        cmocka_unit_test(thirty_two_levels_are_taken_and_more_are_not),
        cmocka_unit_test(brackets_in_strings_are_no_depth),
        cmocka_unit_test(every_kind_of_member_is_read_into_its_place),
        cmocka_unit_test(an_absent_member_leaves_its_default),
        cmocka_unit_test(each_wrong_member_is_pointed_at),
        cmocka_unit_test(ids_have_at_most_256_bytes_and_texts_a_mebibyte),
        cmocka_unit_test(long_names_of_members_are_cut_between_characters),
        cmocka_unit_test(numbers_and_base64_are_the_same_embedding),
        cmocka_unit_test(each_wrong_embedding_is_pointed_at),
        cmocka_unit_test(an_embedding_has_at_most_65536_numbers),
        cmocka_unit_test(an_item_is_named_by_id_or_given_by_embedding),
        cmocka_unit_test(each_wrong_reference_is_pointed_at),
        cmocka_unit_test(a_query_says_which_page_and_how_much_of_it),
        cmocka_unit_test(a_wrong_query_parameter_is_named),
        cmocka_unit_test(a_query_parameter_counts_once),
        cmocka_unit_test(a_number_that_json_lacks_becomes_null),
        cmocka_unit_test(times_are_rfc_3339_with_milliseconds),
        cmocka_unit_test(an_answer_is_compact_and_its_numbers_are_exact),
        cmocka_unit_test(the_last_page_has_no_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
