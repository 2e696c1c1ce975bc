/* The write-ahead log stays within its bound, whatever is read. */
#include "database.h"
#include "memory_store.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

enum { BOUND_PAGES = 100, PAGE = 4096 + 24, WRITES = 500, READERS = 3 };

/* With room for one transaction, and for the growth between two tries to empty the log. */
static const uint64_t bound_bytes = (BOUND_PAGES + BOUND_PAGES / 4) * PAGE;

static fd_store *open_bounded(const char *path) {
    fd_store *store = fixture_open(path);
    fixture_add_numbered_items(store, 2);
    ((fd_sqlite_store *)store)->log.bound = BOUND_PAGES;
    return store;
}

static void add_label(fd_store *store, size_t number) {
    fd_label_row row = fixture_label(fixture_text("n%zu", number), 0, 1);
    assert_int_equal(fixture_add_labels(store, &row, 1).created, 1);
}

/* ---- readers without a gap ---- */

struct reading {
    fd_store *store;
    atomic_bool stop;
    atomic_uint active; /* readings that have begun but not ended */
    atomic_uint rounds;
};

/* A reading ends once another one has begun, or all others wait. */
static int read_on(void *context, const fd_label_row *row) {
    struct reading *reading = context;
    (void)row;
    for (int i = 0; i < 100; i++) {
        if (atomic_load(&reading->active) > 1 || atomic_load(&reading->stop))
            return 1;
        (void)sched_yield();
    }
    return 1;
}

static void *read_always(void *context) {
    struct reading *reading = context;
    while (!atomic_load(&reading->stop)) {
        (void)atomic_fetch_add(&reading->active, 1);
        int r = reading->store->operations->labels_read(reading->store, 0, 10, read_on, reading);
        (void)atomic_fetch_sub(&reading->active, 1);
        (void)atomic_fetch_add(&reading->rounds, 1);
        assert_true(r >= 0);
    }
    return NULL;
}

static void the_log_stays_bounded_while_somebody_always_reads(void **state) {
    FD_CLEANUP(fd_store_closep) fd_store *store = open_bounded(database_path(state));
    struct reading reading = {.store = store};
    pthread_t threads[READERS];
    add_label(store, WRITES);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_always, &reading), 0);
    uint64_t largest = 0;
    for (size_t i = 0; i < WRITES; i++) {
        add_label(store, i);
        uint64_t size = store->operations->log_bytes(store);
        largest = size > largest ? size : largest;
    }
    atomic_store(&reading.stop, true);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_in_range(largest, BOUND_PAGES / 2 * PAGE, bound_bytes);
    assert_true(atomic_load(&reading.rounds) > READERS);
    assert_int_equal(fixture_counts(store).labels, WRITES + 1);
    fixture_check(store);
}

static void the_log_shrinks_after_another_process_has_read_from_it(void **state) {
    FD_CLEANUP(fd_store_closep) fd_store *store = open_bounded(database_path(state));
    sqlite3 *outside = NULL;
    assert_int_equal(sqlite3_open_v2(database_path(state), &outside, SQLITE_OPEN_READONLY, NULL),
                     0);
    assert_int_equal(sqlite3_exec(outside, "BEGIN; SELECT count(*) FROM labels", NULL, NULL, NULL),
                     SQLITE_OK);
    size_t number = 0;
    while (store->operations->log_bytes(store) < 3 * bound_bytes)
        add_label(store, number++);
    assert_int_equal(sqlite3_exec(outside, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < BOUND_PAGES; i++)
        add_label(store, number++);
    assert_true(store->operations->log_bytes(store) < bound_bytes);
    assert_int_equal(sqlite3_close(outside), SQLITE_OK);
    assert_int_equal(fixture_counts(store).labels, number);
}

/* A callback that writes: the writer waits a while for the reading that it is called from. */
static int write_much(void *context, const fd_item_row *row) {
    fd_store *store = context;
    (void)row;
    size_t number = 0;
    while (store->operations->log_bytes(store) < bound_bytes)
        add_label(store, number++);
    return 5;
}

static void a_reader_that_stays_does_not_block_the_writer_for_ever(void **state) {
    FD_CLEANUP(fd_store_closep) fd_store *store = open_bounded(database_path(state));
    assert_int_equal(store->operations->items_read(store, 0, 1, true, write_much, store), 5);
    assert_true(fixture_counts(store).labels > 0);
}

static void a_store_in_memory_has_no_log(void **state) {
    (void)state;
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    assert_int_equal(fd_store_open_memory(&store), 0);
    assert_int_equal(store->operations->log_bytes(store), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_FOLDER(the_log_stays_bounded_while_somebody_always_reads),
        ON_FOLDER(the_log_shrinks_after_another_process_has_read_from_it),
        ON_FOLDER(a_reader_that_stays_does_not_block_the_writer_for_ever),
        cmocka_unit_test(a_store_in_memory_has_no_log),
    };
    return cmocka_run_group_tests_name("write-ahead log", tests, NULL, NULL);
}
