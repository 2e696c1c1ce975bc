/* Origins and hosts that browsers name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "origins.h"

static void an_origin_matches_the_same_host_and_port(void **state) {
    (void)state;
    assert_true(fd_origin_is_of("http://127.0.0.1:8077", "127.0.0.1:8077"));
    assert_true(fd_origin_is_of("https://Labels.example.org", "labels.EXAMPLE.org"));
    assert_false(fd_origin_is_of("http://127.0.0.1:8077", "127.0.0.1"));
    assert_false(fd_origin_is_of("http://127.0.0.1", "127.0.0.1:8077"));
    assert_false(fd_origin_is_of("null", "null"));
    assert_false(fd_origin_is_of("://x", "x"));
    assert_false(fd_origin_is_of("", ""));
    assert_false(fd_origin_is_of("http://x", NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_matches_the_same_host_and_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
