/* The rules of reading, for every backend. */
#include "backends.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* ---- paging ---- */

struct page {
    size_t n;
    int64_t first;
    int64_t last;
    size_t stop_at;
};

static void page_turn(struct page *page, int64_t number) {
    assert_true(page->n == 0 || number == page->last + 1);
    page->first = page->n == 0 ? number : page->first;
    page->last = number;
    page->n++;
}

static int page_item(void *context, const fd_item_row *row) {
    struct page *page = context;
    assert_string_equal(row->id, fixture_text("i%u", row->index));
    page_turn(page, row->index);
    return page->n == page->stop_at ? 7 : 0;
}

static int page_label(void *context, const fd_label_row *row) {
    struct page *page = context;
    page_turn(page, row->sequence);
    return page->n == page->stop_at ? -ECANCELED : 0;
}

static void items_are_read_in_pages(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 10);
    const struct {
        uint32_t first;
        size_t limit, n;
    } pages[] = {{0, 4, 4}, {4, 4, 4},  {8, 4, 2},          {9, 1, 1},
                 {3, 0, 0}, {10, 4, 0}, {UINT32_MAX, 5, 0}, {7, SIZE_MAX, 3}};
    for (size_t i = 0; i < FD_LENGTH(pages); i++) {
        struct page page = {0};
        assert_int_equal(store->operations->items_read(store, pages[i].first, pages[i].limit, false,
                                                       page_item, &page),
                         0);
        assert_int_equal(page.n, pages[i].n);
        assert_true(page.n == 0 || page.first == pages[i].first);
    }
    struct page page = {.stop_at = 3};
    assert_int_equal(store->operations->items_read(store, 2, SIZE_MAX, false, page_item, &page), 7);
    assert_int_equal(page.n, 3);
}

static void the_history_is_read_in_pages(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 2);
    for (size_t i = 0; i < 10; i++) {
        /* The ids are in another order than the history. */
        fd_label_row row = fixture_label(fixture_text("l%zu", i * 7 % 10), 0, 1);
        assert_int_equal(fixture_add_labels(store, &row, 1).created, 1);
    }
    const struct {
        int64_t after;
        size_t limit, n;
    } pages[] = {{0, 4, 4},  {4, 4, 4},         {8, 4, 2},        {-1, 2, 2},
                 {10, 4, 0}, {INT64_MAX, 3, 0}, {5, SIZE_MAX, 5}, {0, 0, 0}};
    for (size_t i = 0; i < FD_LENGTH(pages); i++) {
        struct page page = {0};
        assert_int_equal(store->operations->labels_read(store, pages[i].after, pages[i].limit,
                                                        page_label, &page),
                         0);
        assert_int_equal(page.n, pages[i].n);
        assert_true(page.n == 0 || page.first == (pages[i].after < 0 ? 0 : pages[i].after) + 1);
    }
    struct page page = {.stop_at = 2};
    assert_int_equal(store->operations->labels_read(store, 0, SIZE_MAX, page_label, &page),
                     -ECANCELED);
    assert_int_equal(page.n, 2);
}

/* ---- transactions ---- */

static int count_item(void *context, const fd_item_row *row) {
    assert_true(row->dimension > 0);
    ++*(size_t *)context;
    return 0;
}

static void uncommitted_rows_are_not_read(void **state) {
    fd_store *store = backend_of(state);
    fd_item_row item = fixture_item("a");
    fd_added added;
    uint32_t index;
    size_t seen = 0;
    fixture_begin(store);
    assert_int_equal(store->operations->items_add(store, &item, 1, &index, &added), 0);
    assert_int_equal(store->operations->items_read(store, 0, 10, false, count_item, &seen), 0);
    assert_int_equal(seen, 0);
    assert_int_equal(fixture_counts(store).items, 0);
    fixture_commit(store);
    assert_int_equal(store->operations->items_read(store, 0, 10, false, count_item, &seen), 0);
    assert_int_equal(seen, 1);
    assert_int_equal(fixture_counts(store).items, 1);
}

/* ---- an empty store ---- */

static void an_empty_store_is_sound(void **state) {
    fd_counts counts = fixture_counts(backend_of(state));
    assert_int_equal(counts.items + counts.labels + counts.label_rows + counts.models, 0);
    fixture_check(backend_of(state));
}

/* ---- threads ---- */

enum { READER_THREADS = 6, ROUNDS = 150, LIST = 8 };

struct writing {
    fd_store *store;
    atomic_bool done;
};

/* Expects whole transactions in order, and never fewer than before. */
static void *read_repeatedly(void *context) {
    struct writing *writing = context;
    const fd_store_operations *store = writing->store->operations;
    int64_t before = 0;
    bool done;
    do {
        done = atomic_load(&writing->done);
        struct page items = {0}, labels = {0};
        fd_counts counts = {0};
        if (store->labels_read(writing->store, 0, SIZE_MAX, page_label, &labels) != 0 ||
            store->items_read(writing->store, 0, SIZE_MAX, true, page_item, &items) != 0 ||
            store->counts(writing->store, &counts) != 0)
            return "a read failed";
        if (labels.last < before || labels.last % LIST != 0)
            return "part of a transaction was seen";
        if (counts.items < items.n || counts.labels != counts.label_rows)
            return "rows went away";
        before = labels.last;
    } while (!done);
    return before == (int64_t)ROUNDS * LIST ? NULL : "rows are missing";
}

static void readers_see_whole_transactions_while_the_writer_writes(void **state) {
    struct writing writing = {.store = backend_of(state)};
    pthread_t threads[READER_THREADS];
    fixture_add_numbered_items(writing.store, 2);
    for (size_t i = 0; i < READER_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_repeatedly, &writing), 0);
    for (size_t round = 0; round < ROUNDS; round++) {
        fd_label_row rows[LIST];
        char ids[LIST][24];
        for (size_t i = 0; i < LIST; i++) {
            (void)snprintf(ids[i], sizeof(ids[i]), "l%zu-%zu", round, i);
            rows[i] = fixture_label(ids[i], 0, 1);
        }
        assert_int_equal(fixture_add_labels(writing.store, rows, LIST).created, LIST);
        fd_item_row item = fixture_item(fixture_text("i%zu", round + 2));
        assert_int_equal(fixture_add_items(writing.store, &item, 1).created, 1);
    }
    atomic_store(&writing.done, true);
    for (size_t i = 0; i < READER_THREADS; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    fixture_check(writing.store);
}

/* ---- preferences ---- */

static void preferences_have_names(void **state) {
    (void)state;
    const char *const names[] = {"a", "b", "tie", "skip"};
    fd_preference preference;
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        assert_int_equal(fd_preference_parse(names[i], &preference), 0);
        assert_int_equal(preference, i);
        assert_string_equal(fd_preference_name(preference), names[i]);
    }
    const char *const wrong[] = {"", "A", "retracted", "ties", "c"};
    for (size_t i = 0; i < FD_LENGTH(wrong); i++)
        assert_int_equal(fd_preference_parse(wrong[i], &preference), -EINVAL);
    assert_string_equal(fd_preference_name(FD_PREFER_RETRACTED), "retracted");
}

#define TESTS(X)                                                                                   \
    X(uncommitted_rows_are_not_read), X(items_are_read_in_pages), X(the_history_is_read_in_pages), \
        X(an_empty_store_is_sound), X(readers_see_whole_transactions_while_the_writer_writes)

int main(void) {
    const struct CMUnitTest tests[] = {
        TESTS(ON_MEMORY),
        TESTS(ON_SQLITE),
        TESTS(ON_POSTGRES),
        cmocka_unit_test(preferences_have_names),
    };
    return cmocka_run_group_tests_name("reading", tests, NULL, NULL);
}
