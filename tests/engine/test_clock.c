/* Setting the wall clock back or forth changes nothing that depends on time, and what is shown
 * stays in order. */
#include <sched.h>
#include <stdatomic.h>

#include "assignments.h"
#include "fixture.h"
#include "label_statistics.h"
#include "learning_progress.h"
#include "model_versions.h"

static const double jumps[] = {-86400 * 365.0, -3600, -1, 1, 3600, 86400 * 365.0};

static void a_jump_of_the_wall_clock_does_not_change_how_long_leases_last(void **state) {
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(jumps); i++) {
        FD_CLEANUP(world_clear) struct world world;
        world_begin(&world, 1, 2);
        (void)ask(&world, "anna");
        fixture_pass(&world.clock, 100);
        fixture_jump(&world.clock, jumps[i]);
        assert_false(is_left_for(&world, "bert"));
        fixture_pass(&world.clock, 499);
        assert_false(is_left_for(&world, "bert"));
        fixture_pass(&world.clock, 1);
        assert_true(is_left_for(&world, "bert"));
    }
}

static void the_expiry_of_a_lease_is_shown_in_the_current_wall_time(void **state) {
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(jumps); i++) {
        FD_CLEANUP(world_clear) struct world world;
        world_begin(&world, 1, 2);
        fixture_given before = ask(&world, "anna");
        fixture_pass(&world.clock, 100);
        fixture_jump(&world.clock, jumps[i]);
        fixture_given after = ask(&world, "anna"), renewed = {0};
        assert_string_equal(after.id, before.id);
        assert_int_equal(after.expires_ms - atomic_load(&world.clock.now_ms), 500000);
        assert_int_equal(fd_engine_assignment_renew(world.engine, after.id, NULL, 60,
                                                    fixture_keep_lease, &renewed),
                         0);
        assert_int_equal(renewed.expires_ms - atomic_load(&world.clock.now_ms), 60000);
    }
}

/* ---- stored rows ---- */

struct order {
    uint64_t version;
    size_t count;
};

static int is_next_version(void *context, const fd_model_row *row) {
    struct order *order = context;
    assert_int_equal(row->version, order->version--);
    order->count++;
    return 0;
}

/* Four labels and a new version. */
static void label_and_train(struct world *world, size_t *number) {
    for (int i = 0; i < 4; i++) {
        fixture_given given = ask(world, "anna");
        answer(world, (*number)++, "anna", &given, i % 2 ? FD_PREFER_A : FD_PREFER_B);
    }
    (void)fixture_train(world->engine);
}

static void expect_order(struct world *world, size_t labels, size_t models) {
    FD_CLEANUP(fd_stats_clear) fd_stats stats = fixture_stats(world->engine);
    assert_int_equal(stats.all.labels, labels);
    uint64_t counted = 0;
    for (size_t i = 0; i < stats.n_buckets * stats.n_columns; i++)
        counted += stats.buckets[i];
    assert_int_equal(counted, labels);

    struct order order = {.version = models};
    assert_int_equal(fd_engine_models_read(world->engine, models, 100, is_next_version, &order), 0);
    assert_int_equal(order.count, models);
    assert_int_equal(fixture_model(world->engine).version, models);

    static fd_progress progress;
    fd_engine_progress(world->engine, &progress);
    assert_int_equal(progress.n_curve, models);
    for (size_t i = 1; i < progress.n_curve; i++) {
        assert_true(progress.curve[i - 1].version < progress.curve[i].version);
        assert_true(progress.curve[i - 1].labels <= progress.curve[i].labels);
    }
}

static void versions_statistics_and_the_curve_stay_in_order_when_the_clock_jumps(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    size_t number = 0;
    world_prepare(&world);
    world_start(&world, 8, 6);
    for (size_t i = 0; i < FD_LENGTH(jumps); i++) {
        label_and_train(&world, &number);
        fixture_jump(&world.clock, jumps[FD_LENGTH(jumps) - 1 - i]);
    }
    expect_order(&world, number, FD_LENGTH(jumps));
    world_reopen(&world);
    expect_order(&world, number, FD_LENGTH(jumps));
}

static void wait_for_version(struct world *world, uint64_t version) {
    double deadline = fixture_seconds() + 60;
    while (fixture_model(world->engine).version < version) {
        assert_true(fixture_seconds() < deadline);
        (void)sched_yield();
    }
}

/* Labels after the last training are new to the model, whatever the clock says. */
static void after_a_jump_and_a_restart_only_new_labels_count_as_new(void **state) {
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(jumps); i++) {
        FD_CLEANUP(world_clear) struct world world;
        size_t number = 0;
        world_begin(&world, 8, 6);
        label_and_train(&world, &number);
        fixture_jump(&world.clock, jumps[i]);
        for (int k = 0; k < 3; k++) {
            fixture_given given = ask(&world, "anna");
            answer(&world, number++, "anna", &given, FD_PREFER_A);
        }
        world.options.retrain_labels = 4;
        world_reopen(&world);
        assert_int_equal(fixture_model(world.engine).version, 1);
        fixture_given given = ask(&world, "anna");
        answer(&world, number++, "anna", &given, FD_PREFER_A);
        wait_for_version(&world, 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_jump_of_the_wall_clock_does_not_change_how_long_leases_last),
        cmocka_unit_test(the_expiry_of_a_lease_is_shown_in_the_current_wall_time),
        cmocka_unit_test(versions_statistics_and_the_curve_stay_in_order_when_the_clock_jumps),
        cmocka_unit_test(after_a_jump_and_a_restart_only_new_labels_count_as_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
