/* Trainings and refits that fail or are stuck end readiness, and nothing else; a stuck writer is
 * noticed. */
#include "fixture.h"
#include "score.h"
#include "trainer.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

static const double patience_seconds = 60;

struct setup {
    fd_store *store;
    fd_engine *engine;
    size_t labels;
};

static void setup_open(struct setup *setup, const fd_engine_options *options) {
    *setup = (struct setup){.store = fixture_faulty_store()};
    setup->engine = fixture_open(options, setup->store);
    fixture_add_items(setup->engine, 2, 4);
}

static void setup_close(struct setup *setup) {
    fd_engine_close(setup->engine);
}

static void add_label(struct setup *setup) {
    assert_int_equal(fixture_label(setup->engine, setup->labels++, "p0-r0", "p0-r1", FD_PREFER_A),
                     0);
}

/* Whether the engine is ready; if it is not, the reason must contain the text. */
static bool is_ready(struct setup *setup, const char *text) {
    char reason[160] = "";
    int r = fd_engine_ready(setup->engine, reason, sizeof(reason));
    if (!text)
        return r == 0;
    return r == -EAGAIN && strstr(reason, text);
}

static void wait_for_reason(struct setup *setup, const char *text) {
    double deadline = fixture_seconds() + patience_seconds;
    while (!is_ready(setup, text)) {
        assert_true(fixture_seconds() < deadline);
        (void)sched_yield();
    }
}

static void fail_training(struct setup *setup) {
    fd_fault fault = {0};
    fixture_fail_commit(setup->store, 1, -EIO);
    assert_int_equal(fd_engine_train(setup->engine, FD_RETRAIN_CONFIGURED, &fault), 0);
    fd_engine_wait_trained(setup->engine);
    add_label(setup); /* the store works again */
}

static void three_failed_trainings_in_a_row_end_readiness_until_one_succeeds(void **state) {
    (void)state;
    FD_CLEANUP(setup_close) struct setup setup;
    fd_engine_options options = fixture_options();
    setup_open(&setup, &options);
    add_label(&setup);
    for (size_t round = 0; round < 2; round++) {
        fail_training(&setup);
        fail_training(&setup);
        assert_true(is_ready(&setup, NULL));
        assert_true(prints(setup.engine, "fisherd_retrain_failures_in_a_row 2\n"));
        if (round == 0)
            (void)fixture_train(setup.engine);
    }
    fail_training(&setup);
    assert_true(is_ready(&setup, "the last 3 trainings failed"));
    assert_true(prints(setup.engine, "fisherd_retrain_failures_in_a_row 3\n"));
    assert_true(prints(setup.engine, "fisherd_worker_stuck 0\n"));
    (void)fixture_train(setup.engine);
    assert_true(is_ready(&setup, NULL));
    assert_true(prints(setup.engine, "fisherd_retrain_failures_in_a_row 0\n"));
}

static void three_failed_refits_in_a_row_end_readiness_until_one_succeeds(void **state) {
    (void)state;
    FD_CLEANUP(setup_close) struct setup setup;
    fd_engine_options options = fixture_options();
    options.refit = true;
    options.kind = FI_KIND_LINEAR;
    setup_open(&setup, &options);
    for (size_t i = 0; i < 3; i++) {
        fixture_fail_commit(setup.store, 2, -EIO); /* the first commit is that of the label */
        add_label(&setup);
        fd_engine_wait_refitted(setup.engine);
    }
    assert_true(prints(setup.engine, "fisherd_refit_failures_in_a_row 3\n"));
    assert_true(prints(setup.engine, "fisherd_retrain_failures_in_a_row 0\n") == false);
    /* Until the store works again, the reason is its failure. */
    wait_for_reason(&setup, "the last 3 refits failed");
    add_label(&setup);
    fd_engine_wait_refitted(setup.engine);
    assert_true(is_ready(&setup, NULL));
    assert_true(prints(setup.engine, "fisherd_refit_failures_in_a_row 0\n"));
}

static void a_stuck_training_ends_readiness_while_requests_go_on(void **state) {
    (void)state;
    FD_CLEANUP(setup_close) struct setup setup;
    fd_fault fault = {0};
    fd_engine_options options = fixture_options();
    options.stuck_seconds = 0.01;
    setup_open(&setup, &options);
    add_label(&setup);
    fixture_hold_commits(setup.store, 1);
    assert_int_equal(fd_engine_train(setup.engine, FD_RETRAIN_CONFIGURED, &fault), 0);
    wait_for_reason(&setup, "the training has made no step for ");
    assert_true(prints(setup.engine, "fisherd_worker_stuck 1\n"));
    assert_true(prints(setup.engine, "fisherd_refitter_stuck 0\n"));

    fd_item_reference item = {.id = "p0-r0"};
    fd_score score;
    uint64_t version;
    assert_int_equal(fd_engine_score(setup.engine, &item, 1, &score, &version, &fault), 0);
    assert_int_equal(version, 0);

    fixture_hold_commits(setup.store, 0);
    fd_engine_wait_trained(setup.engine);
    assert_true(is_ready(&setup, NULL));
    assert_true(prints(setup.engine, "fisherd_worker_stuck 0\n"));
    assert_int_equal(fixture_model(setup.engine).version, 1);
}

static void *add_label_beside(void *context) {
    struct setup *setup = context;
    int r = fixture_label(setup->engine, setup->labels++, "p0-r0", "p0-r1", FD_PREFER_A);
    return r == 0 ? setup : NULL;
}

static void a_stuck_refit_ends_readiness(void **state) {
    (void)state;
    FD_CLEANUP(setup_close) struct setup setup;
    fd_engine_options options = fixture_options();
    options.stuck_seconds = 0.01;
    options.refit = true;
    options.kind = FI_KIND_LINEAR;
    setup_open(&setup, &options);
    fixture_hold_commits(setup.store, 2); /* the first commit is that of the label */
    add_label(&setup);
    wait_for_reason(&setup, "the refit has made no step for ");
    assert_true(prints(setup.engine, "fisherd_refitter_stuck 1\n"));
    fixture_hold_commits(setup.store, 0);
    fd_engine_wait_refitted(setup.engine);
    fd_engine_wait_trained(setup.engine);
    assert_true(is_ready(&setup, NULL));
}

static void a_stuck_writer_is_noticed(void **state) {
    (void)state;
    FD_CLEANUP(setup_close) struct setup setup;
    fd_engine_options options = fixture_options();
    pthread_t thread;
    setup_open(&setup, &options);
    fixture_hold_commits(setup.store, 1);
    assert_int_equal(pthread_create(&thread, NULL, add_label_beside, &setup), 0);
    double deadline = fixture_seconds() + patience_seconds;
    while (fd_engine_stalled_seconds(setup.engine) < 0.05)
        assert_true(fixture_seconds() < deadline);
    fixture_hold_commits(setup.store, 0);
    void *added;
    assert_int_equal(pthread_join(thread, &added), 0);
    assert_non_null(added);
    while (fd_engine_stalled_seconds(setup.engine) > 0)
        assert_true(fixture_seconds() < deadline);
}

static void a_failed_training_is_tried_again_after_a_while(void **state) {
    (void)state;
    FD_CLEANUP(setup_close) struct setup setup;
    fd_engine_options options = fixture_options();
    options.retrain_seconds = 0.01;
    setup_open(&setup, &options);
    fixture_fail_commit(setup.store, 2, -EIO); /* the first commit is that of the label */
    add_label(&setup);
    double deadline = fixture_seconds() + patience_seconds;
    while (fixture_model(setup.engine).version == 0) {
        assert_true(fixture_seconds() < deadline);
        (void)sched_yield();
    }
    assert_true(prints(setup.engine, "fisherd_retrains_total{result=\"failed\"} 1\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_failed_trainings_in_a_row_end_readiness_until_one_succeeds),
        cmocka_unit_test(three_failed_refits_in_a_row_end_readiness_until_one_succeeds),
        cmocka_unit_test(a_stuck_training_ends_readiness_while_requests_go_on),
        cmocka_unit_test(a_stuck_refit_ends_readiness),
        cmocka_unit_test(a_stuck_writer_is_noticed),
        cmocka_unit_test(a_failed_training_is_tried_again_after_a_while),
    };
    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
