/* Targets that every reader takes for the same path, and others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "macros.h"
#include "request_target.h"

/* The target is in memory of exactly its size, for AddressSanitizer. */
static const char *fault_of(const char *target) {
    size_t size = strlen(target);
    char *exact = malloc(size);
    assert_true(exact || size == 0);
    if (size > 0)
        memcpy(exact, target, size);
    const char *fault = fd_request_target_fault(exact, size);
    free(exact);
    return fault;
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
        "/v1/items/a%2Fb",
        "/v1/items/a%2fb%5C",
        "/v1/items/%2E",
        "/v1/items/%2e%2E",
        "/v1/items/%2e%2E?limit=1",
        "http://x/v1/items",
        "HTTPS://x:443/v1/items?limit=1",
        "http://x",
        "http://x?limit=1",
    };
    for (size_t i = 0; i < FD_LENGTH(targets); i++)
        assert_null(fault_of(targets[i]));
}

static void an_ambiguous_path_is_refused(void **state) {
    (void)state;
    const char *const targets[] = {
        "/v1/items/a%00b",       "/v1/items/a%0ab", "/v1/items/a%1Fb", "/v1/items/a%7fb",
        "/v1/items/a\\b",        "/v1/./items",     "/v1/../items",    "/v1/items/..",
        "/v1/items/.",           "/v1/%2e/items",   "/v1/.%2E/items",  "/v1/%2e%2e/x",
        "/v1/items/.%2e",        "http://x/../y",   "http://x/a\\b",   "/v1/items/%",
        "/v1/items/%2",          "/v1/items/%g0",   "/v1/items/%0g",   "/..?limit=1",
        "/v1/items?limit=1%00x",
    };
    for (size_t i = 0; i < FD_LENGTH(targets); i++)
        assert_non_null(fault_of(targets[i]));
}

static void a_target_must_be_a_plain_path(void **state) {
    (void)state;
    const char *const targets[] = {
        "",           "*",        "v1/items", "http:///v1/items",
        "http://",    "ftp://x/", "http:/x",  "http://x#y",
        "/a b",       "/a\tb",    "/a\x01",   "/a\x7f",
        "/a\xc3\xa9", "/a#b",     "/a?b#c",   "/a?b\x01",
    };
    for (size_t i = 0; i < FD_LENGTH(targets); i++)
        assert_non_null(fault_of(targets[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_target_passes),
        cmocka_unit_test(an_ambiguous_path_is_refused),
        cmocka_unit_test(a_target_must_be_a_plain_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
