/* The embedder of the items in the store. */
#include <stdio.h>
#include <string.h>

#include "backends.h"

static const float probes[] = {1, -2, 0.5F, 4};

static const fd_embedder_row row_of_a = {"a", "{prompt}|{response}", 2, 2, probes, 1700000000001};
static const fd_embedder_row row_of_b = {"b", "{response}", 4, 1, probes, 1700000000002};

static void write_row(fd_store *store, const fd_embedder_row *row) {
    fixture_begin(store);
    assert_int_equal(store->operations->embedder_write(store, row), 0);
}

static int compare(void *context, const fd_embedder_row *row) {
    const fd_embedder_row **expected = context;
    assert_string_equal(row->name, (*expected)->name);
    assert_string_equal(row->template, (*expected)->template);
    assert_int_equal(row->dimension, (*expected)->dimension);
    assert_int_equal(row->n_probes, (*expected)->n_probes);
    assert_memory_equal(row->probes, probes, sizeof(probes));
    assert_int_equal(row->created_ms, (*expected)->created_ms);
    *expected = NULL;
    return 0;
}

/* NULL: there is none. */
static void assert_stored(fd_store *store, const fd_embedder_row *row) {
    const fd_embedder_row *expected = row;
    assert_int_equal(store->operations->embedder_read(store, compare, &expected), 0);
    assert_null(expected);
}

static void the_last_one_written_is_read(void **state) {
    fd_store *store = backend_of(state);
    assert_stored(store, NULL);
    write_row(store, &row_of_a);
    assert_stored(store, NULL);
    fixture_commit(store);
    assert_stored(store, &row_of_a);
    write_row(store, &row_of_b);
    fixture_commit(store);
    assert_stored(store, &row_of_b);
    fixture_check(store);
}

static void a_rollback_leaves_the_one_before(void **state) {
    fd_store *store = backend_of(state);
    write_row(store, &row_of_a);
    fixture_commit(store);
    write_row(store, &row_of_b);
    store->operations->rollback(store);
    assert_stored(store, &row_of_a);
}

#define ON_ALL(test) ON_MEMORY(test), ON_SQLITE(test), ON_POSTGRES(test)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_ALL(the_last_one_written_is_read),
        ON_ALL(a_rollback_leaves_the_one_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
