/* Waiting for a training. */
#include <errno.h>

#include "fixture.h"
#include "trainer.h"

static void train_and_wait(fd_engine *engine) {
    fd_fault fault = {0};
    assert_int_equal(fd_engine_train(engine, FD_RETRAIN_SCRATCH, &fault), 0);
    fd_engine_wait_trained(engine);
}

static void after_the_wait_the_new_model_serves(void **state) {
    (void)state;
    fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 2, 4);
    for (uint64_t version = 1; version <= 5; version++) {
        assert_int_equal(fixture_label(engine, version, "p0-r0", "p0-r1", FD_PREFER_A), 0);
        train_and_wait(engine);
        assert_int_equal(fixture_model(engine).version, version);
    }
    fd_engine_close(engine);
}

static void without_a_training_the_wait_ends_at_once(void **state) {
    (void)state;
    fd_engine *engine = fixture_engine();
    fd_engine_wait_trained(engine);
    fixture_add_items(engine, 2, 4);
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    fd_engine_wait_trained(engine);
    assert_int_equal(fixture_model(engine).version, 0);
    fd_engine_close(engine);
}

static void a_training_that_fails_ends_the_wait_too(void **state) {
    (void)state;
    fd_engine_options options = fixture_options();
    fd_store *store = fixture_faulty_store();
    fd_engine *engine = fixture_open(&options, store);
    fixture_add_items(engine, 2, 4);
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    fixture_fail_commit(store, 1, -EIO);
    train_and_wait(engine);
    assert_int_equal(fixture_model(engine).version, 0);
    assert_int_equal(fixture_model(engine).worker, FD_TRAINER_FAILED);
    fd_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_the_wait_the_new_model_serves),
        cmocka_unit_test(without_a_training_the_wait_ends_at_once),
        cmocka_unit_test(a_training_that_fails_ends_the_wait_too),
    };
    return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
