/* Leases survive a restart: they are written behind, and read at the start. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "labels.h"

static size_t open_leases(struct world *world) {
    FD_CLEANUP(fd_stats_clear) fd_stats stats = fixture_stats(world->engine);
    return stats.open_leases;
}

static void a_lease_is_the_same_after_a_restart(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    fixture_hand before, after;
    world_prepare(&world);
    world.options.control_fraction = 0.5;
    world_start(&world, 12, 8); /* 336 pairs: enough for both arms */
    fixture_wait_ready(world.engine, 8, 8);
    assert_int_equal(ask_for(&world, "anna", 6, &before), 6);
    fixture_pass(&world.clock, 100);
    world_reopen(&world);
    assert_int_equal(open_leases(&world), 6);
    assert_int_equal(ask_for(&world, "anna", 6, &after), 6);
    for (size_t i = 0; i < 6; i++) {
        const fixture_given *one = &before.given[i], *other = &after.given[i];
        assert_string_equal(one->id, other->id);
        assert_string_equal(one->a, other->a);
        assert_string_equal(one->b, other->b);
        assert_string_equal(one->strategy, other->strategy);
        assert_int_equal(one->control, other->control);
        assert_true(one->p == other->p);
        assert_int_equal(one->expires_ms, other->expires_ms);
        assert_int_equal(one->model_version, other->model_version);
    }
}

static void a_restart_gives_no_leased_pair_to_others(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 2);
    fixture_given given = ask(&world, "anna");
    world_reopen(&world);
    assert_false(is_left_for(&world, "bert"));
    fixture_pass(&world.clock, 599);
    assert_false(is_left_for(&world, "bert"));
    fixture_pass(&world.clock, 1);
    fixture_given other = ask(&world, "bert");
    assert_true(fixture_same_pair(&given, &other));
}

static void a_lease_that_ended_is_not_open_after_a_restart(void **state) {
    (void)state;
    for (int how = 0; how < 4; how++) {
        FD_CLEANUP(world_clear) struct world world;
        world_begin(&world, 1, 2);
        fixture_given given = ask(&world, "anna");
        if (how == 3) /* the lease is in the store, and ends later */
            world_reopen(&world);
        if (how == 0)
            answer(&world, 1, "anna", &given, FD_PREFER_A);
        else if (how == 1)
            fixture_pass(&world.clock, 600);
        else
            assert_int_equal(fd_engine_assignment_return(world.engine, given.id, "anna"), 0);
        world_reopen(&world);
        assert_int_equal(open_leases(&world), 0);
        assert_int_equal(is_left_for(&world, "bert"), how != 0);
    }
}

static void a_renewed_lease_keeps_its_new_time(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 2);
    fixture_given given = ask(&world, "anna"), renewed = {0};
    world_reopen(&world);
    fixture_pass(&world.clock, 500);
    assert_int_equal(fd_engine_assignment_renew(world.engine, given.id, "anna", 1000,
                                                fixture_keep_lease, &renewed),
                     0);
    world_reopen(&world);
    fixture_pass(&world.clock, 900);
    assert_string_equal(ask(&world, "anna").id, given.id);
}

static void answers_to_leases_of_before_a_restart_count_in_their_arm(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 2, 2);
    fixture_given given = ask(&world, "anna");
    world_reopen(&world);
    answer(&world, 1, "anna", &given, FD_PREFER_A);
    FD_CLEANUP(fd_stats_clear) fd_stats stats = fixture_stats(world.engine);
    assert_int_equal(stats.active.labels, 1);
    assert_int_equal(stats.open_leases, 0);
}

/* The clock that is set back does not make a lease last for years. */
static void a_clock_set_back_before_a_restart_lengthens_a_lease_by_a_week_at_most(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 2);
    (void)ask(&world, "anna");
    fd_engine_close(world.engine);
    fixture_jump(&world.clock, -1e9);
    world_open(&world);
    assert_int_equal(open_leases(&world), 1);
    fixture_pass(&world.clock, 7 * 86400);
    assert_true(is_left_for(&world, "bert"));
}

/* Nobody waits for a lease to be stored, and within a second it is. */
static void a_lease_is_stored_within_a_second_without_another_change(void **state) {
    (void)state;
    fd_store *store = fixture_faulty_store();
    fd_engine_options options = fixture_options();
    fd_engine *engine = fixture_open(&options, store);
    fixture_add_items(engine, 1, 2);
    unsigned before = fixture_commits(store);
    double start = fixture_seconds();
    (void)fixture_assign_one(engine, "anna");
    while (fixture_commits(store) == before)
        assert_true(fixture_seconds() < start + 60);
    print_message("a lease is stored after %.3f s\n", fixture_seconds() - start);
    fd_engine_close(engine);
}

static void leases_wait_while_the_store_fails(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 3);
    fd_store *view = fixture_view(world.store);
    fd_engine_close(world.engine);
    world.engine = fixture_open(&world.options, view);
    fixture_fail_commits(view, 1, 2, -EIO);
    unsigned before = fixture_commits(view);
    fixture_given given = ask(&world, "anna");
    double deadline = fixture_seconds() + 60;
    while (fixture_commits(view) < before + 3)
        assert_true(fixture_seconds() < deadline);
    world_reopen(&world);
    assert_string_equal(ask(&world, "anna").id, given.id);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lease_is_the_same_after_a_restart),
        cmocka_unit_test(a_restart_gives_no_leased_pair_to_others),
        cmocka_unit_test(a_lease_that_ended_is_not_open_after_a_restart),
        cmocka_unit_test(a_renewed_lease_keeps_its_new_time),
        cmocka_unit_test(answers_to_leases_of_before_a_restart_count_in_their_arm),
        cmocka_unit_test(a_clock_set_back_before_a_restart_lengthens_a_lease_by_a_week_at_most),
        cmocka_unit_test(a_lease_is_stored_within_a_second_without_another_change),
        cmocka_unit_test(leases_wait_while_the_store_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
