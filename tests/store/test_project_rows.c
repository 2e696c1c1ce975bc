/* Versions of the project in the store. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends.h"

static int add(fd_store *store, uint64_t version, const char *author, const char *settings) {
    const fd_project_row row = {version, author, 1700000000000 + (int64_t)version, settings};
    fixture_begin(store);
    int r = store->operations->project_add(store, &row);
    fixture_commit(store);
    return r;
}

static int keep(void *context, const fd_project_row *row) {
    char *text = context;
    assert_int_equal(row->created_ms, 1700000000000 + (int64_t)row->version);
    (void)snprintf(text, 80, "%d %s %s", (int)row->version, row->author ? row->author : "-",
                   row->settings);
    return 0;
}

static const char *read_newest(fd_store *store) {
    static char text[80];
    memset(text, 0, sizeof(text));
    assert_int_equal(store->operations->project_read(store, keep, text), 0);
    return text;
}

static void the_newest_version_is_read(void **state) {
    fd_store *store = backend_of(state);
    assert_string_equal(read_newest(store), "");
    assert_int_equal(add(store, 1, "ann", "{\"a\":1}"), 0);
    assert_string_equal(read_newest(store), "1 ann {\"a\":1}");
    assert_int_equal(add(store, 2, NULL, "{}"), 0);
    assert_string_equal(read_newest(store), "2 - {}");
    fixture_check(store);
}

static void a_version_that_is_not_the_next_is_refused(void **state) {
    fd_store *store = backend_of(state);
    assert_int_equal(add(store, 0, "ann", "{}"), -EEXIST);
    assert_int_equal(add(store, 2, "ann", "{}"), -EEXIST);
    assert_int_equal(add(store, 1, "ann", "{}"), 0);
    assert_int_equal(add(store, 1, "bert", "{}"), -EEXIST);
    assert_int_equal(add(store, 3, "bert", "{}"), -EEXIST);
    assert_string_equal(read_newest(store), "1 ann {}");
}

static void a_rollback_undoes_a_version(void **state) {
    fd_store *store = backend_of(state);
    const fd_project_row rows[] = {{1, "ann", 1700000000001, "{}"},
                                   {2, "ann", 1700000000002, "{}"}};
    fixture_begin(store);
    for (size_t i = 0; i < FD_LENGTH(rows); i++)
        assert_int_equal(store->operations->project_add(store, &rows[i]), 0);
    assert_string_equal(read_newest(store), "");
    store->operations->rollback(store);
    assert_string_equal(read_newest(store), "");
    assert_int_equal(add(store, 1, "bert", "{}"), 0);
}

#define ON_ALL(test) ON_MEMORY(test), ON_SQLITE(test), ON_POSTGRES(test)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_ALL(the_newest_version_is_read),
        ON_ALL(a_version_that_is_not_the_next_is_refused),
        ON_ALL(a_rollback_undoes_a_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
