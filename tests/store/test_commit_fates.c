/* Commits to PostgreSQL whose answer is lost: the store finds out what became of them. */
#include <errno.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "postgres_schema.h"
#include "postgres_store.h"

static const char *url;
static fd_store *one, *other;
static bool has_standby;

static fd_store *open_store(void) {
    fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_postgres(url, &store, &fault), 0);
    return store;
}

/* A standby that is not there lets every commit wait, with its rows on disk. */
static void name_a_standby(const char *name) {
    has_standby = name[0] != '\0';
    postgres_schema_name_standby(url, name);
}

static int set_up(void **state) {
    (void)state;
    url = postgres_schema_new();
    if (!url)
        return 0;
    one = open_store();
    other = open_store();
    fixture_add_numbered_items(one, 2);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    if (has_standby) /* a test that failed would let all others wait */
        name_a_standby("");
    fd_store_close(one);
    fd_store_close(other);
    one = other = NULL;
    return 0;
}

/* ---- labels ---- */

static int skip_item(void *context, const fd_item_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int skip_embedder(void *context, const fd_embedder_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int pass_label(void *context, const fd_label_row *row) {
    char *text = context;
    (void)snprintf(text + strlen(text), 16, "%s ", row->id);
    return 0;
}

/* The labels that a replica has not applied, when it begins a transaction. */
static const char *begin(fd_store *store) {
    static const fd_change_visits visits = {
        .item = skip_item, .embedder = skip_embedder, .label = pass_label};
    static char text[100];
    text[0] = '\0';
    assert_int_equal(store->operations->begin(store), 0);
    assert_int_equal(store->replicas->catch_up(store, &visits, text), 0);
    return text;
}

static void add_label(fd_store *store, const char *id) {
    fd_label_row row = fixture_label(id, 0, 1);
    int64_t sequence;
    fd_added added;
    assert_int_equal(store->operations->labels_add(store, &row, 1, &sequence, &added), 0);
    assert_int_equal(added.created, 1);
}

/* ---- answers that are lost ---- */

static void *end_wait(void *function) {
    char sql[200];
    (void)snprintf(sql, sizeof(sql),
                   "SELECT %s(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
                   (const char *)function);
    PGconn *connection = PQconnectdb(url);
    bool found = false;
    while (!found) {
        PGresult *result = PQexec(connection, sql);
        found = PQntuples(result) > 0;
        PQclear(result);
    }
    PQfinish(connection);
    return NULL;
}

/* Adds a label and commits while the standby is missing; somebody ends the wait. */
static void commit_without_an_answer(const char *id, const char *function) {
    pthread_t thread;
    name_a_standby("nobody");
    (void)begin(one);
    add_label(one, id);
    assert_int_equal(pthread_create(&thread, NULL, end_wait, (void *)function), 0);
    assert_int_equal(one->operations->commit(one), -EAGAIN);
    assert_int_equal(pthread_join(thread, NULL), 0);
    one->operations->rollback(one);
    name_a_standby("");
}

static void terminate_connections(void) {
    (void)postgres_schema_run(url, "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
                                   " WHERE application_name = 'fisherd'");
}

/* Whether it is known that nothing was committed depends on how far it came. */
static void expect_lost_commit(fd_store *store) {
    terminate_connections();
    int r = store->operations->commit(store);
    assert_true(r == -EAGAIN || r == -EIO);
    store->operations->rollback(store);
}

/* ---- tests ---- */

static void a_commit_that_was_only_not_answered_is_found(void **state) {
    static const char *const functions[] = {"pg_cancel_backend", "pg_terminate_backend"};
    (void)state;
    if (!url)
        skip();
    for (size_t i = 0; i < FD_LENGTH(functions); i++) {
        commit_without_an_answer(fixture_text("l%zu", i), functions[i]);
        assert_int_equal(one->replicas->was_committed(one), 1);
        assert_int_equal(fixture_counts(one).labels, i + 1);
        assert_string_equal(begin(one), ""); /* the rows are its own */
        one->operations->rollback(one);
    }
    fixture_check(one);
}

static void what_others_committed_since_is_caught_up_with(void **state) {
    (void)state;
    if (!url)
        skip();
    commit_without_an_answer("l1", "pg_cancel_backend");
    assert_string_equal(begin(other), "l1 ");
    add_label(other, "l2");
    fixture_commit(other);
    assert_int_equal(one->replicas->was_committed(one), 1);
    assert_string_equal(begin(one), "l2 ");
    add_label(one, "l3");
    fixture_commit(one);
    assert_string_equal(begin(other), "l3 ");
    other->operations->rollback(other);
    fixture_check(one);
}

static void a_commit_that_never_arrived_is_not_found(void **state) {
    (void)state;
    if (!url)
        skip();
    (void)begin(one);
    add_label(one, "l1");
    expect_lost_commit(one);
    assert_int_equal(one->replicas->was_committed(one), 0);
    assert_int_equal(fixture_counts(one).labels, 0);
    assert_string_equal(begin(one), "");
    add_label(one, "l1");
    fixture_commit(one);
    assert_int_equal(fixture_counts(one).labels, 1);
}

static void a_place_in_the_history_that_another_took_is_not_ones_own(void **state) {
    (void)state;
    if (!url)
        skip();
    (void)begin(one);
    add_label(one, "l1");
    expect_lost_commit(one);
    (void)begin(other);
    add_label(other, "l2");
    fixture_commit(other);
    assert_int_equal(one->replicas->was_committed(one), 0);
    assert_string_equal(begin(one), "l2 ");
    one->operations->rollback(one);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_commit_that_was_only_not_answered_is_found),
        TEST(what_others_committed_since_is_caught_up_with),
        TEST(a_commit_that_never_arrived_is_not_found),
        TEST(a_place_in_the_history_that_another_took_is_not_ones_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
