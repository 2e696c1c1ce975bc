/* References to items, by id or by embedding. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "item_reference.h"
#include "json_tree.h"

static int read_reference(const char *json, fd_item_reference *ret, fd_fault *fault) {
    FD_JSON json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    int r = fd_item_reference_read(value, &(fd_path){.name = "a"}, ret, fault);
    if (ret->id) /* borrowed from the tree */
        assert_string_equal(ret->id, "x");
    return r;
}

static void an_item_is_given_by_id_or_by_embedding(void **state) {
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

static void an_inline_item_may_have_texts_and_a_prompt(void **state) {
    (void)state;
    static const char *const json = "{\"embedding\":[1],\"prompt\":\"p\",\"response\":\"\","
                                    "\"prompt_id\":\"q\"}";
    FD_JSON json_t *value = json_loads(json, 0, NULL);
    fd_item_reference *got = calloc(1, sizeof(*got));
    fd_fault fault = {0};
    assert_non_null(got);
    assert_int_equal(fd_item_reference_read(value, &(fd_path){.name = "a"}, got, &fault), 0);
    assert_string_equal(got->texts->prompt, "p");
    assert_string_equal(got->texts->response, "");
    assert_string_equal(got->texts->prompt_id, "q");
    assert_null(got->id);
    fd_item_references_free(got, 1);
}

static void the_fault_points_at_the_wrong_reference(void **state) {
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
        {"{\"embedding\":[1],\"id\":\"x\"}", "/a/embedding", "together with \"id\""},
        {"{\"embedding\":[1],\"more\":\"x\"}", "/a/more", "more"},
        {"{\"embedding\":[1,\"2\"]}", "/a/embedding/1", "number"},
        {"{\"id\":7}", "/a/id", "string"},
        {"{\"id\":\"x\",\"prompt\":\"p\"}", "/a/prompt", "together with \"id\""},
        {"{\"id\":\"x\",\"response\":\"\"}", "/a/response", "together with \"id\""},
        {"{\"id\":\"x\",\"prompt_id\":\"p\"}", "/a/prompt_id", "together with \"id\""},
        {"{\"embedding\":[1],\"prompt\":7}", "/a/prompt", "string"},
        {"{\"embedding\":[1],\"response\":[]}", "/a/response", "string"},
        {"{\"embedding\":[1],\"prompt_id\":\"\"}", "/a/prompt_id", "empty"},
        {"{\"prompt\":\"p\"}", "/a/embedding", "required"},
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_is_given_by_id_or_by_embedding),
        cmocka_unit_test(an_inline_item_may_have_texts_and_a_prompt),
        cmocka_unit_test(the_fault_points_at_the_wrong_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
