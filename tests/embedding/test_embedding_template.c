/* What a template makes of the texts of an item. */
#include "embedding_template.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_template_is_filled_part_by_part(void **state) {
    static const struct {
        const char *template, *prompt, *response, *parts[FD_TEMPLATE_PARTS];
        bool is_apart;
    } cases[] = {
        {"{prompt}|{response}", "P", "R", {"P", "R"}, true},
        {"{prompt}|{response}", NULL, "R", {"", "R"}, true},
        {"query: {prompt}|passage: {response}", "", "R", {"", "passage: R"}, true},
        {"{prompt}|{prompt} {response}", "P", "R", {"P", "P R"}, false},
        {"{response}|{prompt}", "P", "R", {"R", "P"}, false},
        {"{prompt}\\n\\n{response}", "P", "R", {"P\n\nR"}, false},
        {"{prompt}\\n\\n{response}", NULL, "R", {"\n\nR"}, false},
        {"a \\| \\\\ {other} {response}", "P", "{prompt}", {"a | \\ {other} {prompt}"}, false},
    };
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        FD_CLEANUP(fd_embedding_template_clear) fd_embedding_template template = {0};
        fd_fault fault = {0};
        assert_int_equal(fd_embedding_template_parse(cases[i].template, &template, &fault), 0);
        assert_int_equal(template.is_apart, cases[i].is_apart);
        assert_int_equal(template.n, cases[i].parts[1] ? 2 : 1);
        for (size_t part = 0; part < template.n; part++) {
            FD_FREE char *text = NULL;
            assert_int_equal(fd_embedding_template_fill(&template, part, cases[i].prompt,
                                                        cases[i].response, &text),
                             0);
            assert_string_equal(text, cases[i].parts[part]);
        }
    }
}

static void a_template_that_would_lose_the_response_is_refused(void **state) {
    static const char *const wrong[] = {"",
                                        "fixed",
                                        "{prompt}",
                                        "{prompt}|fixed",
                                        "{response}|",
                                        "{response}|{response}|{prompt}",
                                        "\\",
                                        "{response}\\t"};
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(wrong); i++) {
        fd_embedding_template template = {0};
        fd_fault fault = {0};
        assert_int_equal(fd_embedding_template_parse(wrong[i], &template, &fault), -EINVAL);
        assert_non_null(strstr(fault.detail, "embedding-template"));
        assert_null(template.parts[0]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_template_is_filled_part_by_part),
        cmocka_unit_test(a_template_that_would_lose_the_response_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
