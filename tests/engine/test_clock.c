/* A wall clock that is set back or forth: what is decided by time does not notice, and what is
 * shown stays in order. */
#include <sched.h>
#include <stdatomic.h>

#include "assignments.h"
#include "fixture.h"
#include "label_statistics.h"
#include "learning_progress.h"
#include "model_versions.h"

static const double jumps[] = {-86400 * 365.0, -3600, -1, 1, 3600, 86400 * 365.0};

static void leases_last_as_long_as_they_would_have(void **state) {
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(jumps); i++) {
        FD_CLEANUP(desk_clear) struct desk desk;
        desk_begin(&desk, 1, 2);
        (void)ask(&desk, "anna");
        fixture_pass(&desk.clock, 100);
        fixture_jump(&desk.clock, jumps[i]);
        assert_false(is_left_for(&desk, "bert"));
        fixture_pass(&desk.clock, 499);
        assert_false(is_left_for(&desk, "bert"));
        fixture_pass(&desk.clock, 1);
        assert_true(is_left_for(&desk, "bert"));
    }
}

static void the_end_of_a_lease_is_told_in_the_time_of_now(void **state) {
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(jumps); i++) {
        FD_CLEANUP(desk_clear) struct desk desk;
        desk_begin(&desk, 1, 2);
        fixture_given before = ask(&desk, "anna");
        fixture_pass(&desk.clock, 100);
        fixture_jump(&desk.clock, jumps[i]);
        fixture_given after = ask(&desk, "anna"), renewed = {0};
        assert_string_equal(after.id, before.id);
        assert_int_equal(after.expires_ms - atomic_load(&desk.clock.now_ms), 500000);
        assert_int_equal(fd_engine_assignment_renew(desk.engine, after.id, NULL, 60,
                                                    fixture_keep_lease, &renewed),
                         0);
        assert_int_equal(renewed.expires_ms - atomic_load(&desk.clock.now_ms), 60000);
    }
}

/* ---- what is stored ---- */

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

/* Two answers and a model before each jump. */
static void label_and_train(struct desk *desk, size_t *number) {
    for (int i = 0; i < 4; i++) {
        fixture_given given = ask(desk, "anna");
        answer(desk, (*number)++, "anna", &given, i % 2 ? FD_PREFER_A : FD_PREFER_B);
    }
    (void)fixture_train(desk->engine);
}

static void expect_order(struct desk *desk, size_t labels, size_t models) {
    FD_CLEANUP(fd_stats_clear) fd_stats stats = fixture_stats(desk->engine);
    assert_int_equal(stats.all.labels, labels);
    uint64_t counted = 0;
    for (size_t i = 0; i < stats.n_buckets * stats.n_columns; i++)
        counted += stats.buckets[i];
    assert_int_equal(counted, labels);

    struct order order = {.version = models};
    assert_int_equal(fd_engine_models_read(desk->engine, models, 100, is_next_version, &order), 0);
    assert_int_equal(order.count, models);
    assert_int_equal(fixture_model(desk->engine).version, models);

    static fd_progress progress;
    fd_engine_progress(desk->engine, &progress);
    assert_int_equal(progress.n_curve, models);
    for (size_t i = 1; i < progress.n_curve; i++) {
        assert_true(progress.curve[i - 1].version < progress.curve[i].version);
        assert_true(progress.curve[i - 1].labels <= progress.curve[i].labels);
    }
}

static void versions_statistics_and_the_curve_stay_in_order(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    size_t number = 0;
    desk_prepare(&desk);
    desk.options.held_out_fraction = 0.2;
    desk_start(&desk, 8, 6);
    for (size_t i = 0; i < FD_LENGTH(jumps); i++) {
        label_and_train(&desk, &number);
        fixture_jump(&desk.clock, jumps[FD_LENGTH(jumps) - 1 - i]);
    }
    expect_order(&desk, number, FD_LENGTH(jumps));
    desk_reopen(&desk);
    expect_order(&desk, number, FD_LENGTH(jumps));
}

static void wait_for_version(struct desk *desk, uint64_t version) {
    double deadline = fixture_seconds() + 60;
    while (fixture_model(desk->engine).version < version) {
        assert_true(fixture_seconds() < deadline);
        (void)sched_yield();
    }
}

/* Labels that are new to the model are those that came after its training, whatever the time. */
static void a_restart_after_a_jump_trains_on_what_is_new_alone(void **state) {
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(jumps); i++) {
        FD_CLEANUP(desk_clear) struct desk desk;
        size_t number = 0;
        desk_begin(&desk, 8, 6);
        label_and_train(&desk, &number);
        fixture_jump(&desk.clock, jumps[i]);
        for (int k = 0; k < 3; k++) {
            fixture_given given = ask(&desk, "anna");
            answer(&desk, number++, "anna", &given, FD_PREFER_A);
        }
        desk.options.retrain_labels = 4;
        desk_reopen(&desk);
        assert_int_equal(fixture_model(desk.engine).version, 1);
        fixture_given given = ask(&desk, "anna");
        answer(&desk, number++, "anna", &given, FD_PREFER_A);
        wait_for_version(&desk, 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leases_last_as_long_as_they_would_have),
        cmocka_unit_test(the_end_of_a_lease_is_told_in_the_time_of_now),
        cmocka_unit_test(versions_statistics_and_the_curve_stay_in_order),
        cmocka_unit_test(a_restart_after_a_jump_trains_on_what_is_new_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
