/* Prompts and responses in what trainers send, against a search that tries every length. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reward_texts.h"
#include "rng.h"

static const fd_reward_marks no_marks;

/* The bytes of the query that are the end of the prompt, or -1. */
static int slow_split(const char *query, const char *prompt) {
    size_t length = strlen(prompt);
    for (size_t n = length; n > 0; n--)
        if (strncmp(query, prompt + length - n, n) == 0)
            return n == length || n >= 16 ? (int)n : -1;
    return length == 0 ? 0 : -1;
}

static void a_query_is_split_behind_the_longest_end_of_its_prompt(void **state) {
    (void)state;
    fd_rng rng = fd_rng_seeded(3);
    int splits = 0;
    for (int run = 0; run < 50000; run++) {
        char prompt[64], query[128];
        size_t letters = 1 + fd_rng_below(&rng, 3), length = fd_rng_below(&rng, sizeof(prompt));
        for (size_t i = 0; i < length; i++)
            prompt[i] = (char)('a' + fd_rng_below(&rng, letters));
        prompt[length] = '\0';
        size_t cut = length > 0 ? fd_rng_below(&rng, length) : 0, size = length - cut;
        memcpy(query, prompt + cut, size);
        for (size_t more = fd_rng_below(&rng, 40); more > 0; more--)
            query[size++] = (char)('a' + fd_rng_below(&rng, letters));
        query[size] = '\0';
        fd_reward_texts found = {0};
        int expected = slow_split(query, prompt);
        assert_int_equal(fd_reward_texts_split(query, prompt, &no_marks, &found),
                         expected < 0 ? -EINVAL : 0);
        if (expected >= 0) {
            assert_string_equal(found.prompt, prompt);
            assert_string_equal(found.response, query + expected);
            splits++;
        }
        fd_reward_texts_clear(&found);
    }
    assert_in_range(splits, 10000, 49000);
}

static void marks_end_prompt_and_response(void **state) {
    (void)state;
    static const struct {
        const char *query, *prompt;
        fd_reward_marks marks;
        const char *found_prompt, *found_response; /* NULL, NULL: refused */
    } cases[] = {
        {"text", NULL, {0}, NULL, "text"},
        {"text", NULL, {"", "", ""}, NULL, "text"},
        {"text<e>\n<e>", NULL, {.response_end = "<e>"}, NULL, "text"},
        {"<u>q<a>r<e>", NULL, {"<u>", "<a>", "<e>"}, "q", "r"},
        {"<s>x<a><u>q<a>r", NULL, {"<u>", "<a>", "<e>"}, "q", "r"},
        {"q<a>r", NULL, {"<u>", "<a>", "<e>"}, "q", "r"},
        {"q<a><e>", NULL, {NULL, "<a>", "<e>"}, "q", ""},
        {"qr", NULL, {NULL, "<a>", NULL}, NULL, NULL},
        {"<u>q<a>r", "<u>q<a>", {"<u>", "<a>", NULL}, "q", "r"},
        {"qr", "q", {"<u>", "<a>", NULL}, "q", "r"},
        {"qr", "", {0}, "", "qr"},
        {"q", "q", {0}, "q", ""},
        {"", "", {0}, "", ""},
        {"", "q", {0}, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fd_reward_texts found = {0};
        int r = fd_reward_texts_split(cases[i].query, cases[i].prompt, &cases[i].marks, &found);
        assert_int_equal(r, cases[i].found_response ? 0 : -EINVAL);
        if (cases[i].found_response)
            assert_string_equal(found.response, cases[i].found_response);
        assert_int_equal(found.prompt != NULL, cases[i].found_prompt != NULL);
        if (found.prompt)
            assert_string_equal(found.prompt, cases[i].found_prompt);
        fd_reward_texts_clear(&found);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_is_split_behind_the_longest_end_of_its_prompt),
        cmocka_unit_test(marks_end_prompt_and_response),
    };
    return cmocka_run_group_tests_name("reward_texts", tests, NULL, NULL);
}
