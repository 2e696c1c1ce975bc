/* Trainings and refits that fail or are stuck turn readiness, and nothing else; a writer that is
 * stuck is seen. */
#include "fixture.h"
#include "score.h"
#include "trainer.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

static const double patience_seconds = 60;

struct world {
    fd_store *store;
    fd_engine *engine;
    size_t labels;
};

static void world_open(struct world *world, const fd_engine_options *options) {
    *world = (struct world){.store = fixture_faulty_store()};
    world->engine = fixture_open(options, world->store);
    fixture_add_items(world->engine, 2, 4);
}

static void world_close(struct world *world) {
    fd_engine_close(world->engine);
}

static void add_label(struct world *world) {
    assert_int_equal(fixture_label(world->engine, world->labels++, "p0-r0", "p0-r1", FD_PREFER_A),
                     0);
}

/* Ready, or whether the reason has the text. */
static bool is_ready(struct world *world, const char *text) {
    char reason[160] = "";
    int r = fd_engine_ready(world->engine, reason, sizeof(reason));
    if (!text)
        return r == 0;
    return r == -EAGAIN && strstr(reason, text);
}

static void wait_for_reason(struct world *world, const char *text) {
    double deadline = fixture_seconds() + patience_seconds;
    while (!is_ready(world, text)) {
        assert_true(fixture_seconds() < deadline);
        (void)sched_yield();
    }
}

static void fail_training(struct world *world) {
    fd_fault fault = {0};
    fixture_fail_commit(world->store, 1, -EIO);
    assert_int_equal(fd_engine_train(world->engine, FD_RETRAIN_CONFIGURED, &fault), 0);
    fd_engine_wait_trained(world->engine);
    add_label(world); /* the store works again */
}

static void three_trainings_in_a_row_that_fail_turn_readiness_until_one_does_not(void **state) {
    (void)state;
    FD_CLEANUP(world_close) struct world world;
    fd_engine_options options = fixture_options();
    world_open(&world, &options);
    add_label(&world);
    for (size_t round = 0; round < 2; round++) {
        fail_training(&world);
        fail_training(&world);
        assert_true(is_ready(&world, NULL));
        assert_true(prints(world.engine, "fisherd_retrain_failures_in_a_row 2\n"));
        if (round == 0)
            (void)fixture_train(world.engine);
    }
    fail_training(&world);
    assert_true(is_ready(&world, "the last 3 trainings failed"));
    assert_true(prints(world.engine, "fisherd_retrain_failures_in_a_row 3\n"));
    assert_true(prints(world.engine, "fisherd_worker_stuck 0\n"));
    (void)fixture_train(world.engine);
    assert_true(is_ready(&world, NULL));
    assert_true(prints(world.engine, "fisherd_retrain_failures_in_a_row 0\n"));
}

static void three_refits_in_a_row_that_fail_turn_readiness_until_one_does_not(void **state) {
    (void)state;
    FD_CLEANUP(world_close) struct world world;
    fd_engine_options options = fixture_options();
    options.refit = true;
    options.kind = FI_KIND_LINEAR;
    world_open(&world, &options);
    for (size_t i = 0; i < 3; i++) {
        fixture_fail_commit(world.store, 2, -EIO); /* the first is that of the label */
        add_label(&world);
        fd_engine_wait_refitted(world.engine);
    }
    assert_true(prints(world.engine, "fisherd_refit_failures_in_a_row 3\n"));
    assert_true(prints(world.engine, "fisherd_retrain_failures_in_a_row 0\n") == false);
    /* Until the store is found to work again, that it failed is what is told. */
    wait_for_reason(&world, "the last 3 refits failed");
    add_label(&world);
    fd_engine_wait_refitted(world.engine);
    assert_true(is_ready(&world, NULL));
    assert_true(prints(world.engine, "fisherd_refit_failures_in_a_row 0\n"));
}

static void a_training_without_a_step_turns_readiness_and_serving_goes_on(void **state) {
    (void)state;
    FD_CLEANUP(world_close) struct world world;
    fd_fault fault = {0};
    fd_engine_options options = fixture_options();
    options.stuck_seconds = 0.01;
    world_open(&world, &options);
    add_label(&world);
    fixture_hold_commits(world.store, 1);
    assert_int_equal(fd_engine_train(world.engine, FD_RETRAIN_CONFIGURED, &fault), 0);
    wait_for_reason(&world, "the training has made no step for ");
    assert_true(prints(world.engine, "fisherd_worker_stuck 1\n"));
    assert_true(prints(world.engine, "fisherd_refitter_stuck 0\n"));

    fd_item_reference item = {.id = "p0-r0"};
    fd_score score;
    uint64_t version;
    assert_int_equal(fd_engine_score(world.engine, &item, 1, &score, &version, &fault), 0);
    assert_int_equal(version, 0);

    fixture_hold_commits(world.store, 0);
    fd_engine_wait_trained(world.engine);
    assert_true(is_ready(&world, NULL));
    assert_true(prints(world.engine, "fisherd_worker_stuck 0\n"));
    assert_int_equal(fixture_model(world.engine).version, 1);
}

static void *add_label_beside(void *context) {
    struct world *world = context;
    int r = fixture_label(world->engine, world->labels++, "p0-r0", "p0-r1", FD_PREFER_A);
    return r == 0 ? world : NULL;
}

static void a_refit_without_a_step_turns_readiness(void **state) {
    (void)state;
    FD_CLEANUP(world_close) struct world world;
    fd_engine_options options = fixture_options();
    options.stuck_seconds = 0.01;
    options.refit = true;
    options.kind = FI_KIND_LINEAR;
    world_open(&world, &options);
    fixture_hold_commits(world.store, 2); /* the first is that of the label */
    add_label(&world);
    wait_for_reason(&world, "the refit has made no step for ");
    assert_true(prints(world.engine, "fisherd_refitter_stuck 1\n"));
    fixture_hold_commits(world.store, 0);
    fd_engine_wait_refitted(world.engine);
    fd_engine_wait_trained(world.engine);
    assert_true(is_ready(&world, NULL));
}

static void a_writer_that_does_not_get_on_is_seen(void **state) {
    (void)state;
    FD_CLEANUP(world_close) struct world world;
    fd_engine_options options = fixture_options();
    pthread_t thread;
    world_open(&world, &options);
    fixture_hold_commits(world.store, 1);
    assert_int_equal(pthread_create(&thread, NULL, add_label_beside, &world), 0);
    double deadline = fixture_seconds() + patience_seconds;
    while (fd_engine_stalled_seconds(world.engine) < 0.05)
        assert_true(fixture_seconds() < deadline);
    fixture_hold_commits(world.store, 0);
    void *added;
    assert_int_equal(pthread_join(thread, &added), 0);
    assert_non_null(added);
    while (fd_engine_stalled_seconds(world.engine) > 0)
        assert_true(fixture_seconds() < deadline);
}

static void a_training_that_failed_is_tried_again_after_a_while(void **state) {
    (void)state;
    FD_CLEANUP(world_close) struct world world;
    fd_engine_options options = fixture_options();
    options.retrain_seconds = 0.01;
    world_open(&world, &options);
    fixture_fail_commit(world.store, 2, -EIO); /* the first is that of the label */
    add_label(&world);
    double deadline = fixture_seconds() + patience_seconds;
    while (fixture_model(world.engine).version == 0) {
        assert_true(fixture_seconds() < deadline);
        (void)sched_yield();
    }
    assert_true(prints(world.engine, "fisherd_retrains_total{result=\"failed\"} 1\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_trainings_in_a_row_that_fail_turn_readiness_until_one_does_not),
        cmocka_unit_test(three_refits_in_a_row_that_fail_turn_readiness_until_one_does_not),
        cmocka_unit_test(a_training_without_a_step_turns_readiness_and_serving_goes_on),
        cmocka_unit_test(a_refit_without_a_step_turns_readiness),
        cmocka_unit_test(a_writer_that_does_not_get_on_is_seen),
        cmocka_unit_test(a_training_that_failed_is_tried_again_after_a_while),
    };
    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
