/* Text features in the store: with their items, and written later. */
#include <errno.h>
#include <string.h>

#include "backends.h"

static const float numbers[] = {0.5F, -1e30F, 3, 0};

static fd_text_features_row features_of(uint32_t index, uint32_t version, size_t count) {
    return (fd_text_features_row){index, version, count, numbers};
}

static int write_rows(fd_store *store, const fd_text_features_row *rows, size_t n) {
    fixture_begin(store);
    int r = store->operations->text_features_write(store, rows, n);
    if (r < 0)
        store->operations->rollback(store);
    else
        fixture_commit(store);
    return r;
}

struct expected {
    uint32_t version[4]; /* 0: none */
    size_t count[4];
    size_t seen;
};

static int expect_features(void *context, const fd_item_row *row) {
    struct expected *expected = context;
    const fd_text_features_row *found = &row->text_features;
    size_t i = expected->seen++;
    if (expected->version[i] == 0) {
        assert_null(found->values);
        return 0;
    }
    assert_non_null(found->values);
    assert_int_equal(found->index, row->index);
    assert_int_equal(found->version, expected->version[i]);
    assert_int_equal(found->count, expected->count[i]);
    assert_memory_equal(found->values, numbers, found->count * sizeof(float));
    return 0;
}

static void expect(fd_store *store, struct expected expected) {
    for (int embeddings = 0; embeddings < 2; embeddings++) {
        expected.seen = 0;
        assert_int_equal(store->operations->items_read(store, 0, SIZE_MAX, embeddings,
                                                       expect_features, &expected),
                         0);
    }
}

static void features_are_stored_with_their_items(void **state) {
    fd_store *store = backend_of(state);
    fd_item_row rows[] = {fixture_item("a"), fixture_item("b"), fixture_item("c")};
    rows[0].text_features = features_of(9, 7, 4);
    rows[2].text_features = features_of(9, 8, 2);
    assert_int_equal(fixture_add_items(store, rows, 3).created, 3);
    expect(store, (struct expected){{7, 0, 8}, {4, 0, 2}, 0});
    fixture_check(store);
}

static void features_are_not_content(void **state) {
    fd_store *store = backend_of(state);
    fd_item_row rows[] = {fixture_item("a"), fixture_item("a")};
    rows[0].text_features = features_of(0, 7, 4);
    rows[1].text_features = features_of(0, 8, 2);
    assert_int_equal(fixture_add_items(store, rows, 2).unchanged, 1);
    expect(store, (struct expected){{7}, {4}, 0});
    assert_int_equal(fixture_add_items(store, rows + 1, 1).unchanged, 1);
    expect(store, (struct expected){{7}, {4}, 0});
}

static void features_that_are_written_later_take_the_place_of_others(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 3);
    fd_text_features_row rows[] = {features_of(0, 1, 4), features_of(2, 1, 3)};
    assert_int_equal(write_rows(store, rows, 2), 0);
    expect(store, (struct expected){{1, 0, 1}, {4, 0, 3}, 0});
    fd_text_features_row others[] = {features_of(2, 2, 1), features_of(1, 2, 4),
                                     features_of(2, 3, 2)};
    assert_int_equal(write_rows(store, others, 3), 0);
    expect(store, (struct expected){{1, 2, 3}, {4, 4, 2}, 0});
    fixture_check(store);
}

static void features_of_unknown_items_are_refused(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 2);
    fd_text_features_row rows[] = {features_of(0, 1, 4), features_of(2, 1, 4)};
    assert_int_equal(write_rows(store, rows, 2), -EINVAL);
    expect(store, (struct expected){{0}, {0}, 0});
}

static void a_rollback_forgets_features(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 2);
    fd_text_features_row row = features_of(1, 1, 4);
    fixture_begin(store);
    assert_int_equal(store->operations->text_features_write(store, &row, 1), 0);
    expect(store, (struct expected){{0}, {0}, 0});
    store->operations->rollback(store);
    fixture_begin(store);
    fixture_commit(store);
    expect(store, (struct expected){{0}, {0}, 0});
}

static void items_that_are_refused_leave_no_features(void **state) {
    fd_store *store = backend_of(state);
    fd_item_row rows[] = {fixture_item("a"), fixture_item("b"), fixture_item("a")};
    uint32_t indices[3];
    fd_added added;
    rows[0].text_features = rows[1].text_features = features_of(0, 7, 4);
    rows[2].prompt_id = "other";
    fixture_begin(store);
    assert_int_equal(store->operations->items_add(store, rows, 3, indices, &added), -EEXIST);
    fd_item_row others[] = {fixture_item("c"), fixture_item("d")};
    assert_int_equal(store->operations->items_add(store, others, 2, indices, &added), 0);
    fixture_commit(store);
    expect(store, (struct expected){{0}, {0}, 0});
}

#define TESTS(ON)                                                                                  \
    ON(features_are_stored_with_their_items), ON(features_are_not_content),                        \
        ON(features_that_are_written_later_take_the_place_of_others),                              \
        ON(features_of_unknown_items_are_refused), ON(a_rollback_forgets_features),                \
        ON(items_that_are_refused_leave_no_features)

int main(void) {
    const struct CMUnitTest tests[] = {TESTS(ON_MEMORY), TESTS(ON_SQLITE), TESTS(ON_POSTGRES)};
    return cmocka_run_group_tests_name("text features", tests, NULL, NULL);
}
