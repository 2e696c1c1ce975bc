/* The plans of a PostgreSQL database that was never analysed: what is asked for with every
 * transaction is found by an index, however much has been added since the query was prepared. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "postgres_schema.h"
#include "postgres_store.h"

enum { LABELS = 150000, FEW = 10 }; /* few: more than the five custom plans of a statement */

static const char *url;

static fd_store *open_store(void) {
    fd_store *store = NULL;
    fd_fault fault = {0};
    int r = fd_store_open_postgres(url, &store, &fault);
    assert_string_equal(fault.detail, "");
    assert_int_equal(r, 0);
    return store;
}

static int64_t number(const char *sql) {
    return strtoll(postgres_schema_run(url, sql), NULL, 10);
}

/* ---- catching up ---- */

static int see_item(void *context, const fd_item_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int count_label(void *context, const fd_label_row *row) {
    (void)row;
    ++*(size_t *)context;
    return 0;
}

static int see_assignment(void *context, const fd_assignment_row *row) {
    (void)context;
    (void)row;
    return 0;
}

/* Labels that others added. */
static size_t catch_up(fd_store *store) {
    static const fd_change_visits visits = {
        .item = see_item, .label = count_label, .assignment = see_assignment};
    size_t labels = 0;
    assert_int_equal(store->replicas->catch_up(store, &visits, &labels), 0);
    return labels;
}

static void add_label(fd_store *store, const char *id) {
    fd_label_row row = fixture_label(id, 0, 1);
    int64_t sequence;
    fd_added added;
    assert_int_equal(store->operations->begin(store), 0);
    (void)catch_up(store);
    assert_int_equal(store->operations->labels_add(store, &row, 1, &sequence, &added), 0);
    fixture_commit(store);
}

/* As another replica would, in one transaction. */
static void add_many(void) {
    char sql[500];
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO labels (sequence, id, revision, item_a, item_b, preference,"
                   " annotator, duration_ms, created_ms) SELECT n, 'many' || n, 0, 0, 1, 'a',"
                   " 'anna', 0, 0 FROM generate_series(%d, %d) AS n;"
                   "UPDATE clock SET labels = %d, tick = tick + 1;"
                   "INSERT INTO ticks SELECT tick, nonce FROM clock",
                   FEW + 1, LABELS, LABELS);
    (void)postgres_schema_run(url, sql);
}

/* ---- what the server counts ---- */

/* A process of the server hands its counts over at its end at the latest. */
static void wait_for_counts(void) {
    while (number("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'fisherd'") > 0)
        (void)usleep(10000);
}

static int64_t sequential_scans(void) {
    wait_for_counts();
    return number("SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE relid IN"
                  " ('labels'::regclass, 'items'::regclass, 'item_embeddings'::regclass,"
                  " 'item_scores'::regclass, 'assignments'::regclass)");
}

static void
what_others_added_to_a_table_that_was_never_analysed_is_found_by_an_index(void **state) {
    (void)state;
    url = postgres_schema_new();
    if (!url)
        skip();
    fd_store *first = open_store();
    fixture_add_numbered_items(first, 2);
    fd_store_close(first);
    (void)postgres_schema_run(url, "ALTER TABLE labels SET (autovacuum_enabled = false)");
    int64_t before = sequential_scans();

    fd_store *one = open_store(), *other = open_store();
    for (unsigned i = 0; i < FEW; i++) { /* its plans are made while there are few */
        add_label(one, fixture_text("few%u", i));
        assert_int_equal(catch_up(other), 1);
    }
    add_many();
    assert_int_equal(catch_up(other), LABELS - FEW);
    for (unsigned i = 0; i < FEW; i++) {
        add_label(one, fixture_text("more%u", i));
        assert_int_equal(catch_up(other), 1);
    }
    fd_store_close(one);
    fd_store_close(other);
    assert_int_equal(number("SELECT count(*) FROM pg_stat_user_tables WHERE relid ="
                            " 'labels'::regclass AND last_analyze IS NULL AND"
                            " last_autoanalyze IS NULL"),
                     1);
    assert_int_equal(sequential_scans(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_others_added_to_a_table_that_was_never_analysed_is_found_by_an_index),
    };
    return cmocka_run_group_tests_name("query_plans", tests, NULL, NULL);
}
