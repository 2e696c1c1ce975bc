/* What replicas wrote by the clock of another PostgreSQL server, before a failover to this one. */
#include "fixture.h"
#include "postgres_schema.h"
#include "postgres_store.h"

static fd_store *open_store(const char *url) {
    fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_postgres(url, &store, &fault), 0);
    return store;
}

static int count_replica(void *context, const fd_replica_row *row) {
    (void)row;
    ++*(int *)context;
    return 0;
}

static int count_replicas(fd_store *store) {
    int n = 0;
    assert_int_equal(store->replicas->replicas_read(store, 600, count_replica, &n), 0);
    return n;
}

static void what_was_written_by_a_clock_that_was_ahead_counts_for_nothing(void **state) {
    (void)state;
    const char *url = postgres_schema_new();
    if (!url)
        skip();
    fd_store *one = open_store(url), *other = open_store(url);
    assert_int_equal(one->replicas->hold_learning(one, 3), 1);
    assert_int_equal(one->replicas->replica_write(one, &(fd_replica_row){0}), 0);
    assert_int_equal(count_replicas(other), 1);
    (void)postgres_schema_run(url, "UPDATE learner SET until = until + interval '1 hour';"
                                   "UPDATE replicas SET seen = seen + interval '1 hour'");
    assert_int_equal(count_replicas(other), 0);
    assert_int_equal(other->replicas->hold_learning(other, 3), 1);
    assert_int_equal(other->replicas->hold_learning(other, 3600), 1);
    assert_int_equal(one->replicas->hold_learning(one, 3600), 0);
    assert_string_equal(postgres_schema_run(url, "SELECT epoch FROM learner"), "2");
    fd_store_close(one);
    fd_store_close(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_by_a_clock_that_was_ahead_counts_for_nothing),
    };
    return cmocka_run_group_tests_name("other clocks", tests, NULL, NULL);
}
