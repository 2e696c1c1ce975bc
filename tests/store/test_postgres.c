/* Opening a store in a PostgreSQL database: what is refused, migrations, and what is shown. */
#include <errno.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "postgres_migrations.h"
#include "postgres_schema.h"
#include "postgres_store.h"
#include "postgres_url.h"

static const char *schema_or_skip(void) {
    const char *url = postgres_schema_new();
    if (!url)
        skip();
    return url;
}

static void expect_refusal(const char *url, int error, const char *word) {
    fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_postgres(url, &store, &fault), error);
    if (!strstr(fault.detail, word))
        fail_msg("%s does not say %s", fault.detail, word);
    assert_null(strstr(fault.detail, "secret"));
    assert_null(store);
}

static void open_and_close(const char *url) {
    fd_store *store = NULL;
    fd_fault fault = {0};
    int r = fd_store_open_postgres(url, &store, &fault);
    assert_string_equal(fault.detail, "");
    assert_int_equal(r, 0);
    fixture_check(store);
    fd_store_close(store);
}

/* ---- settings ---- */

static void a_server_that_would_lose_answers_is_refused(void **state) {
    (void)state;
    const char *url = schema_or_skip();
    expect_refusal(fixture_text("%s%%20-csynchronous_commit%%3Doff", url), -EINVAL,
                   "synchronous_commit is off");
    (void)postgres_schema_run(url, "ALTER SYSTEM SET fsync = off");
    (void)postgres_schema_run(url, "SELECT pg_reload_conf()");
    while (strcmp(postgres_schema_run(url, "SHOW fsync"), "off") != 0)
        continue;
    expect_refusal(url, -EINVAL, "fsync is off");
    (void)postgres_schema_run(url, "ALTER SYSTEM RESET fsync");
    (void)postgres_schema_run(url, "SELECT pg_reload_conf()");
    while (strcmp(postgres_schema_run(url, "SHOW fsync"), "on") != 0)
        continue;
    open_and_close(url);
}

/* As after a failover to a server that is set up otherwise. */
static void a_server_that_would_lose_answers_is_refused_at_a_reconnect_too(void **state) {
    (void)state;
    const char *url = schema_or_skip();
    fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_postgres(url, &store, &fault), 0);
    static const char *const settings[] = {"SET synchronous_commit = off",
                                           "RESET synchronous_commit"};
    for (size_t i = 0; i < FD_LENGTH(settings); i++) {
        (void)postgres_schema_run(url, fixture_text("ALTER ROLE CURRENT_USER %s", settings[i]));
        (void)postgres_schema_run(url, "SELECT pg_terminate_backend(pid, 60000) FROM"
                                       " pg_stat_activity WHERE application_name = 'fisherd'");
        if (i == 0) /* it learns that the connection is lost */
            assert_int_equal(store->operations->begin(store), -EIO);
        store->operations->rollback(store);
        assert_int_equal(store->operations->begin(store), i == 0 ? -EIO : 0);
        store->operations->rollback(store);
    }
    fd_store_close(store);
}

static void a_server_that_cannot_be_reached_is_named(void **state) {
    (void)state;
    expect_refusal("postgresql://anna:secret@/base?host=/nowhere", -EIO,
                   "postgresql://anna@/nowhere/base cannot be opened");
}

/* ---- schemas ---- */

static void a_schema_that_is_newer_or_of_others_is_refused(void **state) {
    (void)state;
    const char *url = schema_or_skip();
    open_and_close(url);
    (void)postgres_schema_run(url, "UPDATE clock SET version = 1000");
    expect_refusal(url, -EPROTONOSUPPORT, "newer than this program");
    url = schema_or_skip();
    (void)postgres_schema_run(url, "CREATE TABLE clock (hour integer)");
    expect_refusal(url, -EBADMSG, "not fisherd's");
    url = schema_or_skip();
    (void)postgres_schema_run(url, "CREATE TABLE items (name text)");
    expect_refusal(url, -EBADMSG, "another program");
    assert_string_equal(postgres_schema_run(url, "SELECT to_regclass('clock') IS NULL"), "t");
}

static void *open_in_thread(void *url) {
    fd_store *store = NULL;
    fd_fault fault = {0};
    int r = fd_store_open_postgres(url, &store, &fault);
    fd_store_close(store);
    return (void *)(intptr_t)r;
}

static void replicas_that_start_at_once_migrate_once(void **state) {
    (void)state;
    const char *url = schema_or_skip();
    pthread_t threads[4];
    for (size_t i = 0; i < FD_LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_in_thread, (void *)url), 0);
    for (size_t i = 0; i < FD_LENGTH(threads); i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_int_equal((intptr_t)result, 0);
    }
    assert_int_equal(strtol(postgres_schema_run(url, "SELECT version FROM clock"), NULL, 10),
                     fd_postgres_migration_count);
    open_and_close(url);
}

static void what_is_open_for_reading_stands_still(void **state) {
    (void)state;
    const char *url = schema_or_skip();
    fd_store *store = NULL, *reader = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_postgres_read_only(url, &reader, &fault), -EBADMSG);
    assert_non_null(strstr(fault.detail, "is empty"));
    fault = (fd_fault){0};
    assert_int_equal(fd_store_open_postgres(url, &store, &fault), 0);
    fixture_add_numbered_items(store, 2);
    assert_int_equal(fd_store_open_postgres_read_only(url, &reader, &fault), 0);
    fd_item_row row = fixture_item("later");
    assert_int_equal(fixture_add_items(store, &row, 1).created, 1);
    assert_int_equal(fixture_counts(store).items, 3);
    assert_int_equal(fixture_counts(reader).items, 2);
    fixture_check(reader);
    assert_int_equal(reader->operations->begin(reader), -EROFS);
    fd_store_close(reader);
    fd_store_close(store);
}

/* ---- rows ---- */

static bool is_refused(const char *url, const char *sql) {
    PGconn *connection = PQconnectdb(url);
    PGresult *result = PQexec(connection, sql);
    bool refused = PQresultStatus(result) == PGRES_FATAL_ERROR &&
                   strstr(PQresultErrorMessage(result), "are not changed");
    PQclear(result);
    PQfinish(connection);
    return refused;
}

static void histories_are_not_changed(void **state) {
    (void)state;
    static const char *const tables[] = {"items", "labels", "item_scores", "project"};
    static const char *const changes[] = {"DELETE FROM %s", "TRUNCATE %s"};
    const char *url = schema_or_skip();
    open_and_close(url);
    for (size_t i = 0; i < FD_LENGTH(tables); i++)
        for (size_t j = 0; j < FD_LENGTH(changes); j++) {
            char sql[80];
            (void)snprintf(sql, sizeof(sql), changes[j], tables[i]);
            assert_true(is_refused(url, sql));
        }
    assert_true(is_refused(url, "UPDATE items SET prompt = NULL"));
    assert_true(is_refused(url, "UPDATE labels SET comment = NULL"));
}

static void contradictions_are_found(void **state) {
    (void)state;
    static const struct {
        const char *sql, *word;
    } damages[] = {
        {"UPDATE clock SET items = 5", "the clock counts 5 items"},
        {"UPDATE clock SET items = 2; ALTER TABLE labels DISABLE TRIGGER labels_stay;"
         "UPDATE labels SET item_b = 9",
         "label l is of item 9, which is not there"},
        {"UPDATE labels SET item_b = 1, sequence = 2", "are numbered from 2 to 2"},
        {"UPDATE labels SET sequence = 1, revision = 1", "label l has revisions from 1 to 1"},
        {"DELETE FROM item_embeddings WHERE idx = 1", "item i1 has no embedding"},
        {"DELETE FROM ticks WHERE tick > 1", "the newest transaction is"},
    };
    const char *url = schema_or_skip();
    fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_postgres(url, &store, &fault), 0);
    fixture_add_numbered_items(store, 2);
    fd_label_row row = fixture_label("l", 0, 1);
    (void)fixture_add_labels(store, &row, 1);
    fixture_check(store);
    for (size_t i = 0; i < FD_LENGTH(damages); i++) {
        (void)postgres_schema_run(url, damages[i].sql);
        fixture_findings findings = fixture_find(store);
        if (!strstr(findings.text, damages[i].word))
            fail_msg("%s is not found in: %s", damages[i].word, findings.text);
    }
    fd_store_close(store);
}

/* ---- replicas ---- */

struct replicas {
    size_t n;
    size_t learners;
    uint64_t prepared, serving, tick;
};

static int see_replica(void *context, const fd_replica_row *row) {
    struct replicas *seen = context;
    seen->n++;
    seen->learners += row->is_learner;
    seen->prepared += row->prepared;
    seen->serving += row->serving;
    seen->tick += row->tick;
    assert_true(row->seen_ms > 0);
    assert_true(!row->url || strcmp(row->url, "http://one") == 0);
    return 0;
}

static struct replicas see(fd_store *store, double seconds) {
    struct replicas seen = {0};
    assert_int_equal(store->replicas->replicas_read(store, seconds, see_replica, &seen), 0);
    return seen;
}

static void replicas_see_each_other(void **state) {
    (void)state;
    const char *url = schema_or_skip();
    fd_store *one = NULL, *other = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_postgres(url, &one, &fault), 0);
    assert_int_equal(fd_store_open_postgres(url, &other, &fault), 0);
    assert_int_equal(see(one, 3600).n, 0);
    fixture_add_numbered_items(one, 1);
    fd_replica_row row = {.url = "http://one", .prepared = 3, .serving = 2};
    assert_int_equal(one->replicas->replica_write(one, &row), 0);
    row = (fd_replica_row){.prepared = 30, .serving = 20};
    assert_int_equal(other->replicas->replica_write(other, &row), 0);
    assert_int_equal(other->replicas->replica_write(other, &row), 0);
    assert_int_equal(other->replicas->hold_learning(other, 3600), 1);
    struct replicas seen = see(one, 3600);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.learners, 1);
    assert_int_equal(seen.prepared, 33);
    assert_int_equal(seen.serving, 22);
    assert_int_equal(seen.tick, 1);
    assert_int_equal(see(one, 0.0).n, 0);
    fd_store_close(one);
    fd_store_close(other);
}

static int write_job(fd_store *store, fd_embedding_job_state state) {
    fd_embedding_job_row row = {.sequence = 1, .id = "j", .author = "anna", .state = state};
    fixture_begin(store);
    int r = store->operations->embedding_job_write(store, &row, NULL, 0);
    fixture_commit(store);
    return r;
}

static void one_that_lost_the_right_works_on_no_embedding_job_but_may_cancel_it(void **state) {
    (void)state;
    const char *url = schema_or_skip();
    fd_store *one = NULL, *other = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_postgres(url, &one, &fault), 0);
    assert_int_equal(fd_store_open_postgres(url, &other, &fault), 0);
    fd_embedding_job_row row = {.id = "j", .author = "anna"};
    fixture_begin(one);
    assert_int_equal(one->operations->embedding_job_add(one, &row, NULL, 0, 10, 1000), 0);
    fixture_commit(one);
    assert_int_equal(one->replicas->hold_learning(one, 0.0), 1);
    assert_int_equal(write_job(one, FD_EMBEDDING_JOB_RUNNING), 0);
    assert_int_equal(other->replicas->hold_learning(other, 3600), 1);
    assert_int_equal(write_job(one, FD_EMBEDDING_JOB_RUNNING), -ECANCELED);
    assert_int_equal(write_job(one, FD_EMBEDDING_JOB_FAILED), -ECANCELED);
    assert_int_equal(write_job(other, FD_EMBEDDING_JOB_RUNNING), 0);
    assert_int_equal(write_job(one, FD_EMBEDDING_JOB_CANCELLED), 0);
    fd_store_close(one);
    fd_store_close(other);
}

/* ---- URLs ---- */

static void a_url_is_shown_without_passwords(void **state) {
    (void)state;
    static const struct {
        const char *url, *name;
    } urls[] = {
        {"postgresql://anna:secret@host:5433/base", "postgresql://anna@host:5433/base"},
        {"postgres://a,b/base?user=anna&password=secret", "postgresql://anna@a,b/base"},
        {"postgresql:///base?host=/run/x&sslpassword=secret", "postgresql:///run/x/base"},
        {"postgresql://", "postgresql://"},
    };
    for (size_t i = 0; i < FD_LENGTH(urls); i++) {
        FD_FREE char *name = NULL;
        fd_fault fault = {0};
        assert_int_equal(fd_postgres_url_name(urls[i].url, &name, &fault), 0);
        assert_string_equal(name, urls[i].name);
    }
    static const char *const wrong[] = {"postgresql://anna:secret/x@host:y/base",
                                        "postgresql://host/base?secret=secret", "/var/lib/x",
                                        "postgresql://anna:my@secret@host/base",
                                        "postgresql://anna:1/secret@host/base"};
    for (size_t i = 0; i < FD_LENGTH(wrong); i++)
        expect_refusal(wrong[i], -EINVAL, "cannot be read");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_would_lose_answers_is_refused),
        cmocka_unit_test(a_server_that_would_lose_answers_is_refused_at_a_reconnect_too),
        cmocka_unit_test(a_server_that_cannot_be_reached_is_named),
        cmocka_unit_test(a_schema_that_is_newer_or_of_others_is_refused),
        cmocka_unit_test(replicas_that_start_at_once_migrate_once),
        cmocka_unit_test(what_is_open_for_reading_stands_still),
        cmocka_unit_test(histories_are_not_changed),
        cmocka_unit_test(contradictions_are_found),
        cmocka_unit_test(replicas_see_each_other),
        cmocka_unit_test(one_that_lost_the_right_works_on_no_embedding_job_but_may_cancel_it),
        cmocka_unit_test(a_url_is_shown_without_passwords),
    };
    return cmocka_run_group_tests_name("postgres", tests, NULL, NULL);
}
