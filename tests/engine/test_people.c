/* Redundancy, skips and the arms count people and assignments, not answers. */
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "labels.h"

/* Answers a pair under a fresh label id, without an assignment. */
static void add(struct world *world, size_t number, const char *annotator,
                const fixture_given *given, fd_preference preference) {
    char id[32];
    (void)snprintf(id, sizeof(id), "label-%zu", number);
    fd_label label = {.id = id,
                      .a = given->a,
                      .b = given->b,
                      .preference = preference,
                      .annotator = annotator,
                      .duration_ms = -1};
    fd_added added;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_labels_add(world->engine, &label, 1, &added, &fault), 0);
    assert_int_equal(added.created, 1);
}

static void three_answers_of_one_person_leave_a_pair_to_the_second_person(void **state) {
    (void)state;
    for (int restart = 0; restart < 2; restart++) {
        FD_CLEANUP(world_clear) struct world world;
        world_prepare(&world);
        world.options.redundancy = 2;
        world.options.redundancy_share = 1;
        world_start(&world, 1, 2);
        fixture_given given = ask(&world, "anna");
        for (size_t i = 0; i < 3; i++)
            add(&world, i, "anna", &given, i == 1 ? FD_PREFER_B : FD_PREFER_A);
        if (restart)
            world_reopen(&world);
        assert_false(is_left_for(&world, "anna"));
        fixture_given second = ask(&world, "bert");
        assert_true(fixture_same_pair(&given, &second));
        add(&world, 3, "bert", &given, FD_PREFER_A);
        assert_false(is_left_for(&world, "carl"));
    }
}

static void four_skips_of_one_person_leave_the_pairs_to_others(void **state) {
    (void)state;
    for (int restart = 0; restart < 2; restart++) {
        FD_CLEANUP(world_clear) struct world world;
        world_prepare(&world);
        world.options.max_skips = 2;
        world_start(&world, 1, 2);
        const fixture_given pair = {.a = "p0-r0", .b = "p0-r1"};
        for (size_t i = 0; i < 4; i++)
            add(&world, i, "anna", &pair, FD_PREFER_SKIP);
        if (restart)
            world_reopen(&world);
        assert_false(is_left_for(&world, "anna"));
        add(&world, 4, "bert", &pair, FD_PREFER_SKIP);
        assert_true(is_left_for(&world, "carl"));
        add(&world, 5, "carl", &pair, FD_PREFER_SKIP);
        assert_false(is_left_for(&world, "dora")); /* three people have skipped it */
    }
}

static void a_person_who_skips_and_answers_has_answered(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options.redundancy = 2;
    world.options.redundancy_share = 1;
    world.options.max_skips = 0;
    world_start(&world, 1, 2);
    const fixture_given pair = {.a = "p0-r0", .b = "p0-r1"};
    add(&world, 0, "anna", &pair, FD_PREFER_SKIP);
    assert_false(is_left_for(&world, "bert"));
    add(&world, 1, "anna", &pair, FD_PREFER_A);
    assert_true(is_left_for(&world, "bert"));
}

static void a_person_gets_a_pair_again_once_all_their_labels_are_retracted(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 2);
    const fixture_given pair = {.a = "p0-r0", .b = "p0-r1"};
    add(&world, 0, "anna", &pair, FD_PREFER_A);
    add(&world, 1, "anna", &pair, FD_PREFER_B);
    assert_int_equal(fixture_revise(world.engine, 0, FD_PREFER_RETRACTED), 0);
    assert_false(is_left_for(&world, "anna"));
    assert_false(is_left_for(&world, "bert"));
    assert_int_equal(fixture_revise(world.engine, 1, FD_PREFER_RETRACTED), 0);
    assert_true(is_left_for(&world, "anna"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_answers_of_one_person_leave_a_pair_to_the_second_person),
        cmocka_unit_test(four_skips_of_one_person_leave_the_pairs_to_others),
        cmocka_unit_test(a_person_who_skips_and_answers_has_answered),
        cmocka_unit_test(a_person_gets_a_pair_again_once_all_their_labels_are_retracted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
