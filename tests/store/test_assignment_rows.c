/* Assignments in the store: those that are open, their ends, and the key of their ids. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "backends.h"

static fd_assignment_row assignment(const char *id, const char *annotator) {
    return (fd_assignment_row){.id = id,
                               .item_a = 0,
                               .item_b = 1,
                               .annotator = annotator,
                               .slot = 1,
                               .control = true,
                               .p = 0.25,
                               .gain = 2.5,
                               .strategy = "greedy",
                               .swapped = 1,
                               .model_version = 7,
                               .expires_ms = 5000,
                               .ended_ms = -1};
}

static void write_rows(fd_store *store, const fd_assignment_row *rows, size_t n) {
    fixture_begin(store);
    assert_int_equal(store->operations->assignments_write(store, rows, n), 0);
    fixture_commit(store);
}

struct found {
    size_t n;
    char ids[4][16];
    fd_assignment_row last;
};

static int keep(void *context, const fd_assignment_row *row) {
    struct found *found = context;
    assert_true(found->n < FD_LENGTH(found->ids));
    (void)strncpy(found->ids[found->n++], row->id, sizeof(found->ids[0]) - 1);
    found->last = *row;
    if (strcmp(row->id, "two") == 0) {
        assert_int_equal(row->item_a, 0);
        assert_int_equal(row->item_b, 1);
        assert_string_equal(row->annotator, "bert");
        assert_string_equal(row->strategy, "greedy");
    } else if (strcmp(row->id, "unknown") == 0) {
        assert_null(row->strategy);
    }
    return 0;
}

static struct found read_open(fd_store *store) {
    struct found found = {0};
    assert_int_equal(store->operations->assignments_read_open(store, keep, &found), 0);
    return found;
}

static void assignments_are_read_until_they_end(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 2);
    fd_assignment_row rows[] = {assignment("one", "anna"), assignment("two", "bert")};
    write_rows(store, rows, 2);
    struct found found = read_open(store);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.ids[0], "one");
    assert_int_equal(found.last.slot, 1);
    assert_true(found.last.control);
    assert_true(found.last.p == 0.25 && found.last.gain == 2.5);
    assert_int_equal(found.last.swapped, 1);
    assert_int_equal(found.last.model_version, 7);
    assert_int_equal(found.last.expires_ms, 5000);
    assert_int_equal(found.last.ended_ms, -1);

    rows[0].ended_ms = 6000;
    rows[1].expires_ms = 9000;
    write_rows(store, rows, 2);
    found = read_open(store);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.ids[0], "two");
    assert_int_equal(found.last.expires_ms, 9000);
    fixture_check(store);
}

static void what_is_unknown_stays_unknown(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 2);
    fd_assignment_row row = assignment("unknown", "anna");
    row.slot = row.model_version = row.expires_ms = row.swapped = -1;
    row.p = row.gain = NAN;
    row.strategy = NULL;
    write_rows(store, &row, 1);
    struct found found = read_open(store);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.last.slot, -1);
    assert_int_equal(found.last.model_version, -1);
    assert_int_equal(found.last.expires_ms, -1);
    assert_int_equal(found.last.swapped, -1);
    assert_true(isnan(found.last.p) && isnan(found.last.gain));
}

static void a_rollback_undoes_assignments_and_ends(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 2);
    fd_assignment_row rows[] = {assignment("one", "anna"), assignment("two", "bert")};
    write_rows(store, rows, 1);
    rows[0].ended_ms = 1;
    fixture_begin(store);
    assert_int_equal(store->operations->assignments_write(store, rows, 2), 0);
    assert_int_equal(store->operations->assignments_write(store, rows, 2), 0);
    store->operations->rollback(store);
    struct found found = read_open(store);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.ids[0], "one");
    write_rows(store, rows, 2);
    assert_string_equal(read_open(store).ids[0], "two");
}

static void assignments_of_items_that_do_not_exist_are_refused(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 2);
    fd_assignment_row rows[] = {assignment("one", "anna"), assignment("two", "bert")};
    rows[1].item_b = 2;
    fixture_begin(store);
    assert_int_equal(store->operations->assignments_write(store, rows, 2), -EINVAL);
    fixture_commit(store);
    assert_int_equal(read_open(store).n, 0);
}

static void a_store_has_one_key_of_its_own(void **state) {
    fd_store *store = backend_of(state);
    unsigned char key[FD_ASSIGNMENT_KEY_SIZE], again[FD_ASSIGNMENT_KEY_SIZE];
    static const unsigned char none[FD_ASSIGNMENT_KEY_SIZE];
    assert_int_equal(store->operations->assignment_key(store, key), 0);
    assert_int_equal(store->operations->assignment_key(store, again), 0);
    assert_memory_equal(key, again, sizeof(key));
    assert_memory_not_equal(key, none, sizeof(key));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_MEMORY(assignments_are_read_until_they_end),
        ON_SQLITE(assignments_are_read_until_they_end),
        ON_POSTGRES(assignments_are_read_until_they_end),
        ON_MEMORY(what_is_unknown_stays_unknown),
        ON_SQLITE(what_is_unknown_stays_unknown),
        ON_POSTGRES(what_is_unknown_stays_unknown),
        ON_MEMORY(a_rollback_undoes_assignments_and_ends),
        ON_SQLITE(a_rollback_undoes_assignments_and_ends),
        ON_POSTGRES(a_rollback_undoes_assignments_and_ends),
        ON_MEMORY(assignments_of_items_that_do_not_exist_are_refused),
        ON_SQLITE(assignments_of_items_that_do_not_exist_are_refused),
        ON_POSTGRES(assignments_of_items_that_do_not_exist_are_refused),
        ON_MEMORY(a_store_has_one_key_of_its_own),
        ON_SQLITE(a_store_has_one_key_of_its_own),
        ON_POSTGRES(a_store_has_one_key_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
