#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "guard.h"
#include "router.h"

/* ---- the target ---- */

static unsigned target_status(const char *target) {
    const char *detail = NULL;
    unsigned status = fd_guard_check_target(target, &detail);
    assert_true((status == 0) == (detail == NULL));
    return status;
}

static void an_ordinary_target_passes(void **state) {
    (void)state;
    const char *const targets[] = {
        "/",
        "/v1/items",
        "/v1/items/p0-r0",
        "/v1/items/a%20b%3F%C3%A9",
        "/v1/items/...",
        "/v1/items/.hidden",
        "/v1/items/a..b",
        "/v1/items?limit=5&cursor=a%2Fb",
        "/v1/items?path=../x",
    };
    for (size_t i = 0; i < FD_LENGTH(targets); i++)
        assert_int_equal(target_status(targets[i]), 0);
}

static void a_path_of_two_readings_is_refused(void **state) {
    (void)state;
    const char *const targets[] = {
        "/v1/items/a%00b", "/v1/items/a%0ab",       "/v1/items/a%1Fb", "/v1/items/a%7fb",
        "/v1/items/a%2Fb", "/v1/items/a%2fb",       "/v1/items/a%5Cb", "/v1/items/a%5cb",
        "/v1/items/a\\b",  "/v1/./items",           "/v1/../items",    "/v1/items/..",
        "/v1/items/.",     "/v1/%2e/items",         "/v1/.%2E/items",  "/v1/%2e%2e",
        "/v1/items/%",     "/v1/items/%2",          "/v1/items/%g0",   "/v1/items/%0g",
        "/..?limit=1",     "/v1/items?limit=1%00x",
    };
    for (size_t i = 0; i < FD_LENGTH(targets); i++)
        assert_int_equal(target_status(targets[i]), 400);
}

static void a_target_that_is_no_plain_path_is_refused(void **state) {
    (void)state;
    const char *const targets[] = {
        "",           "*",    "v1/items", "http://x/v1/items", "/a b", "/a\tb", "/a\x01", "/a\x7f",
        "/a\xc3\xa9", "/a#b", "/a?b#c",   "/a?b\x01",
    };
    for (size_t i = 0; i < FD_LENGTH(targets); i++)
        assert_int_equal(target_status(targets[i]), 400);
}

static void a_target_may_be_as_long_as_the_limit_and_no_longer(void **state) {
    (void)state;
    char target[FD_TARGET_MAX + 2];
    memset(target, 'a', sizeof(target));
    target[0] = '/';
    target[FD_TARGET_MAX] = '\0';
    assert_int_equal(target_status(target), 0);
    target[FD_TARGET_MAX] = 'a';
    target[FD_TARGET_MAX + 1] = '\0';
    assert_int_equal(target_status(target), 414);
}

/* ---- the headers ---- */

typedef struct header {
    const char *name;
    const char *value;
} header;

static unsigned headers_status(const char *version, const header *headers) {
    fd_guard guard = {0};
    const char *detail = NULL;
    for (; headers->name; headers++)
        fd_guard_header(&guard, headers->name, headers->value);
    unsigned status = fd_guard_check_headers(&guard, version, &detail);
    assert_true((status == 0) == (detail == NULL));
    return status;
}

#define STATUS(version, ...) headers_status(version, (const header[]){__VA_ARGS__, {NULL, NULL}})
#define WITH_HOST(...) STATUS("HTTP/1.1", {"Host", "x"}, __VA_ARGS__)

static void a_request_has_one_host_except_in_the_old_version(void **state) {
    (void)state;
    assert_int_equal(STATUS("HTTP/1.1", {"Host", "x"}), 0);
    assert_int_equal(STATUS("HTTP/1.1", {"Accept", "x"}), 400);
    assert_int_equal(STATUS("HTTP/1.1", {"Host", "x"}, {"hOST", "x"}), 400);
    assert_int_equal(STATUS("HTTP/1.0", {"Accept", "x"}), 0);
    assert_int_equal(STATUS("HTTP/1.0", {"Host", "x"}, {"Host", "y"}), 400);
}

static void a_length_is_given_once_as_a_number(void **state) {
    (void)state;
    assert_int_equal(WITH_HOST({"Content-Length", "19"}), 0);
    assert_int_equal(WITH_HOST({"Content-Length", "0"}), 0);
    assert_int_equal(WITH_HOST({"Content-Length", "19"}, {"content-length", "19"}), 400);
    const char *const wrong[] = {"", "+1", "-1", "0x13", "1,1", "1 1", "1a", "1000000000000000"};
    for (size_t i = 0; i < FD_LENGTH(wrong); i++)
        assert_int_equal(WITH_HOST({"Content-Length", wrong[i]}), 400);
}

static void the_length_is_the_number_that_was_sent(void **state) {
    (void)state;
    fd_guard guard = {0};
    fd_guard_header(&guard, "content-LENGTH", "00999999999999");
    assert_int_equal(guard.length, 999999999999);
}

static void chunked_is_the_only_transfer_encoding_and_takes_no_length(void **state) {
    (void)state;
    assert_int_equal(WITH_HOST({"Transfer-Encoding", "Chunked"}), 0);
    const char *const wrong[] = {
        "", "gzip", "identity", "gzip, chunked", "chunked;x=1", "chunked, chunked", "xchunked"};
    for (size_t i = 0; i < FD_LENGTH(wrong); i++)
        assert_int_equal(WITH_HOST({"Transfer-Encoding", wrong[i]}), 400);
    assert_int_equal(WITH_HOST({"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}),
                     400);
    assert_int_equal(WITH_HOST({"Transfer-Encoding", "gzip"}, {"Transfer-Encoding", "chunked"}),
                     400);
    assert_int_equal(WITH_HOST({"Content-Length", "0"}, {"Transfer-Encoding", "chunked"}), 400);
    assert_int_equal(STATUS("HTTP/1.0", {"Host", "x"}, {"Transfer-Encoding", "chunked"}), 400);
}

static void a_header_name_is_a_token(void **state) {
    (void)state;
    const char *const wrong[] = {"",     "Content-Length ", "Transfer-Encoding\t", "a b",
                                 "a(b)", "\xc3\xa9"};
    for (size_t i = 0; i < FD_LENGTH(wrong); i++)
        assert_int_equal(WITH_HOST({wrong[i], "19"}), 400);
    assert_int_equal(WITH_HOST({"X_a.b-c~1!", "19"}), 0);
}

static void a_header_in_more_than_one_line_is_refused(void **state) {
    (void)state;
    static const char one_line[] = "Content-Length\0 \t 19";
    static const char no_blank[] = "Content-Length\0"
                                   "19";
    static const char moved[] = "19\0\0Content-Length";
    static const char apart[] = "Content-Length1\0 x\0 19";
    assert_false(fd_guard_is_folded(one_line, one_line + 18));
    assert_false(fd_guard_is_folded(one_line, one_line + 15));
    assert_false(fd_guard_is_folded(no_blank, no_blank + 15));
    assert_true(fd_guard_is_folded(moved + 4, moved));
    assert_true(fd_guard_is_folded(apart, apart + 20));

    const char *detail = NULL;
    fd_guard guard = {.has_folded_line = true};
    fd_guard_header(&guard, "Host", "x");
    assert_int_equal(fd_guard_check_headers(&guard, "HTTP/1.1", &detail), 400);
}

static void the_type_is_given_once(void **state) {
    (void)state;
    assert_int_equal(WITH_HOST({"Content-Type", "application/json"}), 0);
    assert_int_equal(
        WITH_HOST({"Content-Type", "application/json"}, {"content-type", "text/plain"}), 400);
}

static void control_characters_in_headers_are_refused(void **state) {
    (void)state;
    assert_int_equal(WITH_HOST({"X-Note", "a\tb"}), 0);
    assert_int_equal(WITH_HOST({"X-Note", "a\x01"
                                          "b"}),
                     400);
    assert_int_equal(WITH_HOST({"X-Note", "a\rb"}), 400);
    assert_int_equal(WITH_HOST({"X-Note", "a\x7f"}), 400);
}

static void there_may_be_as_many_headers_as_the_limit_and_no_more(void **state) {
    (void)state;
    const char *detail = NULL;
    fd_guard guard = {0};
    fd_guard_header(&guard, "Host", "x");
    for (int i = 1; i < FD_HEADERS_MAX; i++)
        fd_guard_header(&guard, "X-Note", "x");
    assert_int_equal(fd_guard_check_headers(&guard, "HTTP/1.1", &detail), 0);
    fd_guard_header(&guard, "X-Note", "x");
    assert_int_equal(fd_guard_check_headers(&guard, "HTTP/1.1", &detail), 431);
    assert_non_null(detail);
}

/* ---- routes ---- */

/* The name of the route, or the word for the failure. The id stays until the next call. */
static const char *routed(const char *method, const char *path, const char **ret_id,
                          const char **ret_allow) {
    static char id[300];
    const fd_route *route = NULL;
    const char *segment = NULL;
    size_t length = 0;
    *ret_id = *ret_allow = NULL;
    int r = fd_router_find(method, path, &route, &segment, &length, ret_allow);
    if (segment) {
        assert_true(length < sizeof(id));
        memcpy(id, segment, length);
        id[length] = '\0';
        *ret_id = id;
    }
    assert_true((r == 0) == (route != NULL));
    assert_true((r == -EOPNOTSUPP) == (*ret_allow != NULL));
    return r == 0 ? route->name : r == -ENOENT ? "no path" : "no method";
}

static void a_method_and_a_path_lead_to_their_route(void **state) {
    (void)state;
    const struct {
        const char *method, *path, *name, *id;
    } cases[] = {
        {"POST", "/v1/items", "items_add", NULL},
        {"GET", "/v1/items", "items_list", NULL},
        {"HEAD", "/v1/items", "items_list", NULL},
        {"GET", "/v1/items/p0 r0?", "item_get", "p0 r0?"},
        {"HEAD", "/v1/items/x", "item_get", "x"},
        {"PUT", "/v1/labels/x", "label_correct", "x"},
        {"DELETE", "/v1/labels/x", "label_retract", "x"},
        {"POST", "/v1/assignments/a1/renew", "assignment_renew", "a1"},
        {"DELETE", "/v1/assignments/a1", "assignment_return", "a1"},
        {"GET", "/", "page", NULL},
        {"GET", "/static/label.js", "static", "label.js"},
        {"GET", "/v1/model", "model", NULL},
        {"POST", "/v1/model/train", "train", NULL},
        {"GET", "/livez", "livez", NULL},
        {"GET", "/healthz", "healthz", NULL},
    };
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        const char *id, *allow;
        assert_string_equal(routed(cases[i].method, cases[i].path, &id, &allow), cases[i].name);
        if (cases[i].id)
            assert_string_equal(id, cases[i].id);
        else
            assert_null(id);
    }
}

static void a_path_that_no_route_has_is_unknown(void **state) {
    (void)state;
    const char *const paths[] = {"",
                                 "/v1/assignments/a/renew/",
                                 "/v1",
                                 "/v1/items/",
                                 "/v1/items/a/b",
                                 "/v1/itemsx",
                                 "/V1/items",
                                 "/livez/"};
    for (size_t i = 0; i < FD_LENGTH(paths); i++) {
        const char *id, *allow;
        assert_string_equal(routed("GET", paths[i], &id, &allow), "no path");
    }
}

static void a_method_that_a_path_lacks_is_answered_with_those_it_has(void **state) {
    (void)state;
    const struct {
        const char *method, *path, *allow;
    } cases[] = {
        {"DELETE", "/v1/items", "GET, HEAD, POST"},
        {"POST", "/v1/items/x", "GET, HEAD"},
        {"GET", "/v1/score", "POST"},
        {"HEAD", "/v1/score", "POST"},
        {"get", "/livez", "GET, HEAD"},
        {"BREW", "/metrics", "GET, HEAD"},
    };
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        const char *id, *allow;
        assert_string_equal(routed(cases[i].method, cases[i].path, &id, &allow), "no method");
        assert_string_equal(allow, cases[i].allow);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_target_passes),
        cmocka_unit_test(a_path_of_two_readings_is_refused),
        cmocka_unit_test(a_target_that_is_no_plain_path_is_refused),
        cmocka_unit_test(a_target_may_be_as_long_as_the_limit_and_no_longer),
        cmocka_unit_test(a_request_has_one_host_except_in_the_old_version),
        cmocka_unit_test(a_length_is_given_once_as_a_number),
        cmocka_unit_test(the_length_is_the_number_that_was_sent),
        cmocka_unit_test(chunked_is_the_only_transfer_encoding_and_takes_no_length),
        cmocka_unit_test(a_header_name_is_a_token),
        cmocka_unit_test(a_header_in_more_than_one_line_is_refused),
        cmocka_unit_test(the_type_is_given_once),
        cmocka_unit_test(control_characters_in_headers_are_refused),
        cmocka_unit_test(there_may_be_as_many_headers_as_the_limit_and_no_more),
        cmocka_unit_test(a_method_and_a_path_lead_to_their_route),
        cmocka_unit_test(a_path_that_no_route_has_is_unknown),
        cmocka_unit_test(a_method_that_a_path_lacks_is_answered_with_those_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
