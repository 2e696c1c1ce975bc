/* Only assignments that were handed out count in the arms' statistics, each once. */
#include <stdio.h>
#include <string.h>

#include "assignment_id.h"
#include "engine_state.h"
#include "fixture.h"
#include "labels.h"

struct arms {
    uint64_t active, control;
};

static struct arms count(struct world *world) {
    FD_CLEANUP(fd_stats_clear) fd_stats stats = fixture_stats(world->engine);
    return (struct arms){stats.active.labels, stats.control.labels};
}

static void expect(struct world *world, uint64_t active, uint64_t control) {
    for (int restart = 0; restart < 2; restart++) {
        struct arms arms = count(world);
        assert_int_equal(arms.active, active);
        assert_int_equal(arms.control, control);
        world_reopen(world);
    }
}

static void made_up_ids_have_no_arm(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 4, 4);
    fixture_given given = ask(&world, "anna");
    const char *const forged[] = {"",
                                  "a7ff",
                                  "assignment",
                                  "a7ff-0123456789abcdef01234567",
                                  "c000-0123456789abcdef01234567",
                                  "a7ff-0123456789abcdef0123456789abcdef0123456789abcdef",
                                  "c7ff-0123456789abcdef0123456789abcdef0123456789abcdef",
                                  "b7ff-0123456789abcdef0123456789abcdef0123456789abcdef"};
    for (size_t i = 0; i < FD_LENGTH(forged); i++) {
        fixture_given label = given;
        (void)strncpy(label.id, forged[i], sizeof(label.id) - 1);
        answer(&world, i, "anna", &label, FD_PREFER_A);
    }
    expect(&world, 0, 0);
}

/* Each byte of an id counts, and so do the pair and the annotator. */
static void a_true_id_counts_only_unchanged_for_its_pair_and_its_annotator(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 4, 4);
    fixture_given given = ask(&world, "anna"), other = given;
    size_t n = 0;
    for (size_t i = 0; i < strlen(given.id); i++) {
        fixture_given label = given;
        label.id[i] = label.id[i] == '0' ? '1' : label.id[i] == 'a' ? 'c' : '0';
        answer(&world, n++, "anna", &label, FD_PREFER_A);
    }
    answer(&world, n++, "bert", &given, FD_PREFER_A);
    (void)strncpy(other.a, "p3-r0", sizeof(other.a) - 1);
    (void)strncpy(other.b, "p3-r1", sizeof(other.b) - 1);
    if (fixture_same_pair(&given, &other))
        (void)strncpy(other.b, "p3-r2", sizeof(other.b) - 1);
    answer(&world, n++, "anna", &other, FD_PREFER_A);
    expect(&world, 0, 0);
    answer(&world, n++, "anna", &given, FD_PREFER_A);
    expect(&world, 1, 0);
}

static void an_assignment_counts_once_however_many_labels_name_it(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options.control_fraction = 1;
    world_start(&world, 4, 4);
    fixture_given given = ask(&world, "anna");
    for (size_t i = 0; i < 5; i++)
        answer(&world, i, "anna", &given, i % 2 ? FD_PREFER_A : FD_PREFER_B);
    expect(&world, 0, 1);
}

/* A correction stays with its label. */
static void a_corrected_label_keeps_its_arm(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 4, 4);
    fixture_given given = ask(&world, "anna");
    answer(&world, 1, "anna", &given, FD_PREFER_A);
    assert_int_equal(fixture_revise(world.engine, 1, FD_PREFER_B), 0);
    expect(&world, 1, 0);
    assert_int_equal(fixture_revise(world.engine, 1, FD_PREFER_RETRACTED), 0);
    expect(&world, 0, 0);
}

static void a_label_may_name_the_items_in_the_other_order(void **state) {
    (void)state;
    unsigned char key[FD_ASSIGNMENT_KEY_SIZE] = "key";
    char id[FD_ASSIGNMENT_ID_SIZE];
    fd_assignment_id_make(key, (fi_pair){3, 8}, "anna", false, 0.75, id);
    fd_label_row row = {.item_a = 3, .item_b = 8, .annotator = "anna", .assignment = id};
    int p = fd_origin_of(key, &row).arm_and_p & 0xfff;
    assert_in_range(p, 3070, 3071);
    row.item_a = 8;
    row.item_b = 3;
    fd_origin origin = fd_origin_of(key, &row);
    assert_int_equal(origin.arm_and_p, FD_ORIGIN_ACTIVE | (2 * FD_ORIGIN_EVEN - p));
    key[0] = 'K';
    assert_int_equal(fd_origin_of(key, &row).arm_and_p, FD_ORIGIN_NONE);
}

/* What the migration found in the labels of a database of before. */
static void ids_without_a_hash_count_only_where_the_migration_found_them(void **state) {
    (void)state;
    static const unsigned char key[FD_ASSIGNMENT_KEY_SIZE];
    fd_label_row row = {.item_a = 3, .item_b = 8, .annotator = "anna"};
    row.assignment = "c7ff-0123456789abcdef01234567";
    assert_int_equal(fd_origin_of(key, &row).arm_and_p, FD_ORIGIN_NONE);
    row.is_old_assignment = true;
    assert_int_equal(fd_origin_of(key, &row).arm_and_p, FD_ORIGIN_CONTROL | 0x7ff);
    static const char *const others[] = {"", "c7ff", "d7ff-0123456789abcdef01234567",
                                         "c7fg-0123456789abcdef01234567"};
    for (size_t i = 0; i < FD_LENGTH(others); i++) {
        row.assignment = others[i];
        assert_int_equal(fd_origin_of(key, &row).arm_and_p, FD_ORIGIN_NONE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_up_ids_have_no_arm),
        cmocka_unit_test(a_true_id_counts_only_unchanged_for_its_pair_and_its_annotator),
        cmocka_unit_test(an_assignment_counts_once_however_many_labels_name_it),
        cmocka_unit_test(a_corrected_label_keeps_its_arm),
        cmocka_unit_test(a_label_may_name_the_items_in_the_other_order),
        cmocka_unit_test(ids_without_a_hash_count_only_where_the_migration_found_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
