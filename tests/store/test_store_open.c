/* What a store is called in messages, and which backend a name is of. */
#include "fixture.h"
#include "store_open.h"

static void assert_named(const char *db, const char *expected) {
    FD_FREE char *name = NULL;
    assert_int_equal(fd_store_name(db, &name), 0);
    assert_string_equal(name, expected);
}

static void passwords_are_left_out_of_a_name(void **state) {
    (void)state;
    assert_named("/var/lib/a:b@c?password=x", "/var/lib/a:b@c?password=x"); /* a path */
    assert_named("postgresql://", "postgresql://");
    assert_named("postgresql://a@b/c", "postgresql://a@b/c");
    assert_named("postgresql://a:secret@b:5/c", "postgresql://a@b:5/c");
    assert_named("postgres://a:se:c@ret@b/c", "postgres://a@b/c");
    assert_named("postgresql://a:secret@/c?host=x", "postgresql://a@/c?host=x");
    assert_named("postgresql://b/c?password=secret", "postgresql://b/c");
    assert_named("postgresql://b/c?password=secret&a=1", "postgresql://b/c?a=1");
    assert_named("postgresql://b/c?a=1&sslpassword=secret&password=secret&passfile=x",
                 "postgresql://b/c?a=1&passfile=x");
    assert_named("postgresql://b/c?a=1&password=secret", "postgresql://b/c?a=1");
    assert_named("postgresql://b/c?a=password=x", "postgresql://b/c?a=password=x");
    assert_named("postgresql://b:1,d:2/c?", "postgresql://b:1,d:2/c?");
}

static void urls_are_told_from_paths(void **state) {
    (void)state;
    assert_true(fd_store_is_url("postgresql:///labels"));
    assert_true(fd_store_is_url("postgres://b/c"));
    assert_false(fd_store_is_url("postgresql:/b"));
    assert_false(fd_store_is_url("/postgresql://b"));
    assert_false(fd_store_is_url("fisherd.db"));
    assert_false(fd_store_is_url(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords_are_left_out_of_a_name),
        cmocka_unit_test(urls_are_told_from_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
