/* The parameters of queries. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "queries.h"

struct page_query {
    int64_t limit;
    int64_t cursor;
    bool embeddings;
    const char *annotator;
};

#define AT(member) .offset = offsetof(struct page_query, member)
static const fd_parameter parameters[] = {
    {"limit", FD_PARAMETER_INTEGER, AT(limit), .min = 1, .max = 1000},
    {"cursor", FD_PARAMETER_INTEGER, AT(cursor), .max = FD_PAGE_BYTES},
    {"embeddings", FD_PARAMETER_BOOLEAN, AT(embeddings)},
    {"annotator", FD_PARAMETER_TEXT, AT(annotator)},
};
#undef AT

static bool accepts(const fd_query *query, struct page_query *ret, fd_response *response) {
    *ret = (struct page_query){.limit = 100};
    *response = (fd_response){0};
    return fd_query_accept(query, parameters, FD_LENGTH(parameters), ret, response);
}

static void every_kind_of_parameter_is_read_into_the_struct(void **state) {
    (void)state;
    const fd_query query = {
        4, {{"limit", "1000"}, {"cursor", "0"}, {"embeddings", "true"}, {"annotator", "anna"}}};
    struct page_query got;
    fd_response response;
    assert_true(accepts(&query, &got, &response));
    assert_int_equal(got.limit, 1000);
    assert_int_equal(got.cursor, 0);
    assert_true(got.embeddings);
    assert_string_equal(got.annotator, "anna");
    const fd_query off = {1, {{"embeddings", "false"}}};
    assert_true(accepts(&off, &got, &response));
    assert_false(got.embeddings);
}

static void an_absent_parameter_leaves_its_default(void **state) {
    (void)state;
    struct page_query got;
    fd_response response;
    assert_true(accepts(&(fd_query){0}, &got, &response));
    assert_int_equal(got.limit, 100);
    assert_null(got.annotator);
    assert_true(fd_query_accept_none(&(fd_query){0}, &response));
}

static void the_response_names_a_wrong_parameter(void **state) {
    (void)state;
    static const struct {
        const char *name, *value, *detail;
    } cases[] = {
        {"limit", "0", "must be an integer from 1 to 1000"},
        {"limit", "1001", "must be an integer from 1 to 1000"},
        {"limit", "-1", "must be an integer"},
        {"limit", "+1", "must be an integer"},
        {"limit", " 1", "must be an integer"},
        {"limit", "", "must be an integer"},
        {"limit", "5x", "must be an integer"},
        {"limit", "99999999999999999999", "must be an integer"},
        {"cursor", "8388609", "must be an integer from 0 to 8388608"},
        {"cursor", "!!", "must be an integer"},
        {"embeddings", "yes", "must be true or false"},
        {"embeddings", "", "must be true or false"},
        {"embedding", "true", "is unknown"},
        {"colour", "red", "is unknown"},
    };
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        const fd_query query = {1, {{cases[i].name, cases[i].value}}};
        struct page_query got;
        fd_response response;
        char expected[128];
        assert_false(accepts(&query, &got, &response));
        assert_int_equal(response.status, 400);
        (void)snprintf(expected, sizeof(expected), "query parameter \\\"%s\\\" %s", cases[i].name,
                       cases[i].detail);
        if (!strstr(response.body, expected))
            fail_msg("%s lacks %s", response.body, expected);
        free(response.body);
        response = (fd_response){0};
        assert_false(fd_query_accept_none(&query, &response));
        free(response.body);
    }
}

static void a_parameter_is_given_once_and_there_are_at_most_eight(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    fd_query query = {0};
    fd_fault fault = {0};
    for (size_t i = 0; i < FD_LENGTH(names); i++)
        assert_int_equal(fd_query_add(&query, names[i], "", &fault), 0);
    assert_int_equal(fd_query_add(&query, "c", "", &fault), -EINVAL);
    assert_string_equal(fault.detail, "query parameter \"c\" is given twice");
    assert_int_equal(fd_query_add(&query, "k", "", &fault), -EINVAL);
    assert_string_equal(fault.detail,
                        "query parameter \"k\" is one too many; at most 10 are allowed");
    assert_int_equal(query.count, FD_QUERY_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_parameter_is_read_into_the_struct),
        cmocka_unit_test(an_absent_parameter_leaves_its_default),
        cmocka_unit_test(the_response_names_a_wrong_parameter),
        cmocka_unit_test(a_parameter_is_given_once_and_there_are_at_most_eight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
