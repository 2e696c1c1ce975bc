/* Jobs that wait share a transaction, and each is tried again if it fails. */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "writer.h"

enum { CROWD = 8 };

struct setup {
    fd_store *store;
    fd_engine *engine;
};

struct answerer {
    pthread_t thread;
    fd_engine *engine;
    size_t number;
    int result;
};

static void *give_answer(void *context) {
    struct answerer *self = context;
    self->result = fixture_label(self->engine, self->number, "p0-r0", "p0-r1", FD_PREFER_A);
    return NULL;
}

static void begin(struct answerer *self, fd_engine *engine, size_t number) {
    *self = (struct answerer){.engine = engine, .number = number};
    assert_int_equal(pthread_create(&self->thread, NULL, give_answer, self), 0);
}

static void setup_open(struct setup *setup) {
    fd_engine_options options = fixture_options();
    setup->store = fixture_faulty_store();
    setup->engine = fixture_open(&options, setup->store);
    fixture_add_items(setup->engine, 2, 4);
}

static void setup_close(struct setup *setup) {
    fd_engine_close(setup->engine);
}

/* Adds labels that wait for one transaction, which fails, as do those after it: `failures` in all.
 * Returns the number of transactions. */
static unsigned answer_together(struct setup *setup, struct answerer *crowd, unsigned failures,
                                int error) {
    struct answerer first;
    unsigned before = fixture_commits(setup->store);
    fixture_hold_commits(setup->store, 1);
    begin(&first, setup->engine, CROWD);
    while (fixture_commits(setup->store) == before)
        (void)sched_yield();
    for (size_t i = 0; i < CROWD; i++)
        begin(&crowd[i], setup->engine, i);
    while (fd_writer_queue_length(setup->engine) < CROWD)
        (void)sched_yield();

    fixture_fail_commits(setup->store, 2, failures, error); /* the first one is held */
    fixture_hold_commits(setup->store, 0);
    assert_int_equal(pthread_join(first.thread, NULL), 0);
    assert_int_equal(first.result, 0);
    for (size_t i = 0; i < CROWD; i++)
        assert_int_equal(pthread_join(crowd[i].thread, NULL), 0);
    return fixture_commits(setup->store) - before - 1;
}

static size_t count_results(const struct answerer *crowd, int result) {
    size_t count = 0;
    for (size_t i = 0; i < CROWD; i++)
        count += crowd[i].result == result;
    return count;
}

static void waiting_jobs_share_a_transaction(void **state) {
    (void)state;
    FD_CLEANUP(setup_close) struct setup setup;
    struct answerer crowd[CROWD];
    setup_open(&setup);
    assert_int_equal(answer_together(&setup, crowd, 0, 0), 1);
    assert_int_equal(count_results(crowd, 0), CROWD);
    assert_int_equal(fixture_model(setup.engine).labels, CROWD + 1);
}

static void after_a_failed_transaction_each_job_gets_its_own(void **state) {
    (void)state;
    FD_CLEANUP(setup_close) struct setup setup;
    struct answerer crowd[CROWD];
    setup_open(&setup);
    assert_int_equal(answer_together(&setup, crowd, 1, -EIO), 1 + CROWD);
    assert_int_equal(count_results(crowd, 0), CROWD);
    assert_int_equal(fixture_model(setup.engine).labels, CROWD + 1);
}

static void a_full_disk_refuses_only_the_jobs_that_do_not_fit(void **state) {
    (void)state;
    FD_CLEANUP(setup_close) struct setup setup;
    struct answerer crowd[CROWD];
    setup_open(&setup);
    assert_int_equal(answer_together(&setup, crowd, 3, -ENOSPC), 1 + CROWD);
    assert_int_equal(count_results(crowd, -ENOSPC), 2);
    assert_int_equal(count_results(crowd, 0), CROWD - 2);
    assert_int_equal(fixture_model(setup.engine).labels, CROWD - 2 + 1);
}

static void after_an_io_error_the_other_jobs_are_not_tried(void **state) {
    (void)state;
    FD_CLEANUP(setup_close) struct setup setup;
    struct answerer crowd[CROWD];
    setup_open(&setup);
    assert_int_equal(answer_together(&setup, crowd, 1 + CROWD, -EIO), 2);
    assert_int_equal(count_results(crowd, -EIO), CROWD);
    assert_int_equal(fixture_model(setup.engine).labels, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_jobs_share_a_transaction),
        cmocka_unit_test(after_a_failed_transaction_each_job_gets_its_own),
        cmocka_unit_test(a_full_disk_refuses_only_the_jobs_that_do_not_fit),
        cmocka_unit_test(after_an_io_error_the_other_jobs_are_not_tried),
    };
    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
