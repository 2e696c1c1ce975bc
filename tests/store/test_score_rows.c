/* Scores in the store: their history, what repeats it, and what is refused. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backends.h"

static fd_score_row score(uint32_t item, const char *name, double value) {
    return (fd_score_row){.item = item, .name = name, .value = value, .set_ms = 1700000000000};
}

static size_t add_inside(fd_store *store, const fd_score_row *rows, size_t n) {
    size_t changed = 99;
    assert_int_equal(store->operations->scores_add(store, rows, n, &changed), 0);
    return changed;
}

static size_t add(fd_store *store, const fd_score_row *rows, size_t n) {
    fixture_begin(store);
    size_t changed = add_inside(store, rows, n);
    fixture_commit(store);
    return changed;
}

/* The history as text, such as "0 judge 7.5; ". */
struct history {
    size_t n;
    char text[512];
};

static int keep(void *context, const fd_score_row *row) {
    struct history *history = context;
    size_t used = strlen(history->text);
    assert_int_equal(row->set_ms, 1700000000000);
    (void)snprintf(history->text + used, sizeof(history->text) - used, "%u %s %.17g; ", row->item,
                   row->name, row->value);
    history->n++;
    return 0;
}

static struct history read_all(fd_store *store) {
    struct history history = {0};
    assert_int_equal(store->operations->scores_read(store, keep, &history), 0);
    return history;
}

static void scores_are_read_in_the_order_in_which_they_were_added(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 2);
    assert_int_equal(read_all(store).n, 0);
    const fd_score_row rows[] = {score(1, "judge", 7.5), score(0, "old \"rm\" ü", -0.1)};
    assert_int_equal(add(store, rows, 2), 2);
    const fd_score_row later[] = {score(1, "judge", -1e6), score(0, "judge", 0.1)};
    assert_int_equal(add(store, later, 2), 2);
    assert_string_equal(read_all(store).text,
                        "1 judge 7.5; 0 old \"rm\" ü -0.10000000000000001; 1 judge -1000000; "
                        "0 judge 0.10000000000000001; ");
    fixture_check(store);
}

static void a_repetition_is_not_written(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 2);
    const fd_score_row row = score(0, "judge", 7.5), other = score(0, "judge", 3);
    assert_int_equal(add(store, &row, 1), 1);
    assert_int_equal(add(store, &row, 1), 0);
    assert_int_equal(add(store, &other, 1), 1);
    assert_int_equal(add(store, &row, 1), 1);
    const fd_score_row twice[] = {row, other, other, row};
    assert_int_equal(add(store, twice, 4), 2);
    assert_int_equal(read_all(store).n, 5);
}

static void a_score_is_withdrawn_once(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 1);
    const fd_score_row row = score(0, "judge", 7.5), none = score(0, "judge", NAN);
    assert_int_equal(add(store, &none, 1), 0);
    assert_int_equal(add(store, &row, 1), 1);
    assert_int_equal(add(store, &none, 1), 1);
    assert_int_equal(add(store, &none, 1), 0);
    assert_string_equal(read_all(store).text, "0 judge 7.5; 0 judge nan; ");
    assert_int_equal(add(store, &row, 1), 1);
}

static void a_rollback_brings_the_score_before_back(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 2);
    const fd_score_row row = score(0, "judge", 1);
    const fd_score_row rows[] = {score(0, "judge", 2), score(0, "judge", 3), score(1, "judge", 1)};
    assert_int_equal(add(store, &row, 1), 1);
    fixture_begin(store);
    assert_int_equal(add_inside(store, rows, 3), 3);
    store->operations->rollback(store);
    assert_string_equal(read_all(store).text, "0 judge 1; ");
    assert_int_equal(add(store, &row, 1), 0);
    assert_int_equal(add(store, rows, 3), 3);
    assert_int_equal(add(store, rows, 3), 2);
}

static void readers_see_committed_scores_only(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 1);
    const fd_score_row row = score(0, "judge", 1);
    fixture_begin(store);
    assert_int_equal(add_inside(store, &row, 1), 1);
    assert_int_equal(read_all(store).n, 0);
    fixture_commit(store);
    assert_int_equal(read_all(store).n, 1);
}

static void scores_of_items_that_do_not_exist_are_refused(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 2);
    const fd_score_row rows[] = {score(0, "judge", 1), score(2, "judge", 2)};
    size_t changed;
    fixture_begin(store);
    assert_int_equal(store->operations->scores_add(store, rows, 2, &changed), -EINVAL);
    fixture_commit(store);
    assert_int_equal(read_all(store).n, 0);
}

static void scores_of_items_of_the_same_transaction_are_taken(void **state) {
    fd_store *store = backend_of(state);
    fd_item_row item = fixture_item("one");
    fd_added added;
    uint32_t index;
    fixture_begin(store);
    assert_int_equal(store->operations->items_add(store, &item, 1, &index, &added), 0);
    const fd_score_row row = score(index, "judge", 1);
    assert_int_equal(add_inside(store, &row, 1), 1);
    fixture_commit(store);
    assert_int_equal(read_all(store).n, 1);
}

static int stop(void *context, const fd_score_row *row) {
    (void)row;
    ++*(size_t *)context;
    return -ECANCELED;
}

static void a_visit_ends_the_reading(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 2);
    const fd_score_row rows[] = {score(0, "judge", 1), score(1, "judge", 2)};
    size_t visits = 0;
    assert_int_equal(add(store, rows, 2), 2);
    assert_int_equal(store->operations->scores_read(store, stop, &visits), -ECANCELED);
    assert_int_equal(visits, 1);
}

#define ON_ALL(test) ON_MEMORY(test), ON_SQLITE(test), ON_POSTGRES(test)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_ALL(scores_are_read_in_the_order_in_which_they_were_added),
        ON_ALL(a_repetition_is_not_written),
        ON_ALL(a_score_is_withdrawn_once),
        ON_ALL(a_rollback_brings_the_score_before_back),
        ON_ALL(readers_see_committed_scores_only),
        ON_ALL(scores_of_items_that_do_not_exist_are_refused),
        ON_ALL(scores_of_items_of_the_same_transaction_are_taken),
        ON_ALL(a_visit_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
