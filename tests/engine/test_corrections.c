/* What labels, corrections and retractions change, and which pairs lie ready after them. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "assignments.h"
#include "fixture.h"
#include "label_statistics.h"
#include "model_versions.h"
#include "score.h"
#include "select.h"

static size_t open_leases(struct world *world) {
    FD_CLEANUP(fd_stats_clear) fd_stats stats = fixture_stats(world->engine);
    return stats.open_leases;
}

/* ---- labels ---- */

static void a_label_that_names_no_lease_ends_the_open_lease_of_its_pair(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 3);
    fixture_given given = ask(&world, "anna");
    assert_int_equal(open_leases(&world), 1);
    fixture_given nameless = given;
    (void)snprintf(nameless.id, sizeof(nameless.id), "of another day");
    answer(&world, 1, "anna", &nameless, FD_PREFER_A);
    assert_int_equal(open_leases(&world), 0);
    /* The two other pairs lie ready: one gets a label without a lease, the other is left. */
    fixture_hand hand;
    fixture_wait_ready(world.engine, 2, 0);
    assert_int_equal(ask_for(&world, "bert", 2, &hand), 2);
    assert_int_equal(fd_engine_assignment_return(world.engine, hand.given[0].id, NULL), 0);
    assert_int_equal(fd_engine_assignment_return(world.engine, hand.given[1].id, NULL), 0);
    assert_int_equal(fixture_label(world.engine, 2, hand.given[0].a, hand.given[0].b, FD_PREFER_B),
                     0);
    assert_int_equal(ask_for(&world, "carl", 3, &hand), 1);
    assert_int_equal(fixture_model(world.engine).labels, 2);
}

static void a_label_for_an_expired_lease_counts_and_removes_the_pair_from_the_queue(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 2);
    fixture_given late = ask(&world, "anna");
    fixture_pass(&world.clock, 601);
    answer(&world, 1, "anna", &late, FD_PREFER_A);
    assert_int_equal(fixture_model(world.engine).labels, 1);
    assert_false(is_left_for(&world, "bert"));
}

static void a_label_counts_even_if_the_pair_was_assigned_to_another_meanwhile(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 2);
    fixture_given late = ask(&world, "anna");
    fixture_pass(&world.clock, 601);
    fixture_given now = ask(&world, "bert");
    answer(&world, 1, "anna", &late, FD_PREFER_A);
    answer(&world, 2, "bert", &now, FD_PREFER_B);
    assert_int_equal(fixture_model(world.engine).labels, 2);
    assert_int_equal(open_leases(&world), 0);
    assert_false(is_left_for(&world, "carl"));
}

static void a_label_sent_twice_counts_once(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options.redundancy = 2;
    world_start(&world, 1, 2);
    fixture_given anna = ask(&world, "anna");
    for (size_t i = 0; i < 3; i++)
        answer(&world, 1, "anna", &anna, FD_PREFER_A);
    assert_int_equal(fixture_model(world.engine).labels, 1);
    fixture_given bert = ask(&world, "bert");
    answer(&world, 1, "anna", &anna, FD_PREFER_A);
    answer(&world, 2, "bert", &bert, FD_PREFER_A);
    assert_int_equal(fixture_model(world.engine).labels, 2);
    assert_false(is_left_for(&world, "carl"));
}

static void unfinished_pairs_lie_ready_again_after_a_restart(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    fixture_hand hand;
    world_prepare(&world);
    world.options.redundancy = 2;
    world_start(&world, 2, 3); /* 6 pairs */
    fixture_wait_ready(world.engine, 6, 0);
    assert_int_equal(ask_for(&world, "anna", 2, &hand), 2);
    answer(&world, 1, "anna", &hand.given[0], FD_PREFER_A);
    answer(&world, 2, "anna", &hand.given[1], FD_PREFER_SKIP);
    fixture_given begun = hand.given[0], skipped = hand.given[1];
    world_reopen(&world);
    fixture_wait_ready(world.engine, 6, 0);
    assert_int_equal(ask_for(&world, "anna", 10, &hand), 4);
    size_t met = 0;
    assert_int_equal(ask_for(&world, "bert", 10, &hand), 6);
    for (size_t i = 0; i < 6; i++)
        met += fixture_same_pair(&hand.given[i], &begun) ||
               fixture_same_pair(&hand.given[i], &skipped);
    assert_int_equal(met, 2);
}

/* ---- corrections and retractions ---- */

static void
after_a_retraction_the_pair_can_be_assigned_again_but_not_after_a_correction(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 2);
    fixture_given given = ask(&world, "anna");
    answer(&world, 1, "anna", &given, FD_PREFER_A);
    assert_int_equal(fixture_revise(world.engine, 1, FD_PREFER_B), 0);
    assert_false(is_left_for(&world, "bert"));
    assert_int_equal(fixture_revise(world.engine, 1, FD_PREFER_SKIP), 0);
    fixture_given second = ask(&world, "bert");
    assert_int_equal(fd_engine_assignment_return(world.engine, second.id, NULL), 0);
    assert_int_equal(fixture_revise(world.engine, 1, FD_PREFER_TIE), 0);
    assert_false(is_left_for(&world, "bert"));
    assert_int_equal(fixture_revise(world.engine, 1, FD_PREFER_RETRACTED), 0);
    second = ask(&world, "anna"); /* the annotator who retracted it may answer it again */
    assert_int_equal(fd_engine_assignment_return(world.engine, second.id, NULL), 0);
    second = ask(&world, "bert");
    assert_true(fixture_same_pair(&given, &second));
    answer(&world, 2, "bert", &second, FD_PREFER_A);
    assert_false(is_left_for(&world, "carl"));
    assert_int_equal(fixture_revise(world.engine, 3, FD_PREFER_A), -ENOENT);
}

/* The information that the engine has summed up is what a new engine computes from the store. */
static void assert_information_is_recomputed(struct world *world) {
    fd_selection_request request = fixture_request(3, FI_SCOPE_ACROSS, 5);
    fd_selection_result results[2];
    fd_model_info infos[2];
    fd_fault fault = {0};
    for (size_t i = 0; i < 2; i++) {
        infos[i] = fixture_model(world->engine);
        assert_int_equal(fd_engine_select(world->engine, &request, &results[i], &fault), 0);
        if (i == 0)
            world_reopen(world);
    }
    assert_int_equal(infos[0].version, infos[1].version);
    assert_int_equal(infos[0].labels, infos[1].labels);
    assert_true(fabs(infos[0].logdet - infos[1].logdet) <= 1e-6 * fabs(infos[1].logdet));
    assert_true(fabs(results[0].logdet_before - results[1].logdet_before) <=
                1e-6 * fabs(results[1].logdet_before));
    assert_true(fabs(results[0].logdet_after - results[1].logdet_after) <=
                1e-6 * fabs(results[1].logdet_after));
    fd_selection_result_clear(&results[0]);
    fd_selection_result_clear(&results[1]);
}

static void information_follows_any_mix_of_labels_corrections_and_retractions(void **state) {
    (void)state;
    enum { LABELS = 150, STEPS = 600 };
    FD_CLEANUP(world_clear) struct world world;
    fd_preference newest[LABELS];
    size_t added = 0, rows = 0;
    uint64_t draw = 5;
    world_begin(&world, 4, 6);
    world_reopen(&world); /* an untrained model took its statistics from the first items */
    for (size_t i = 0; i < STEPS; i++) {
        draw = draw * 6364136223846793005u + 1442695040888963407u;
        size_t which = (size_t)(draw >> 33) % LABELS;
        fd_preference preference = (fd_preference)((draw >> 50) % (FD_PREFER_RETRACTED + 1));
        if (which < added) {
            assert_int_equal(fixture_revise(world.engine, which, preference), 0);
            newest[which] = preference;
        } else if (added < LABELS && preference != FD_PREFER_RETRACTED) {
            assert_int_equal(fixture_label(world.engine, added,
                                           fixture_item_id(which % 4, added % 5),
                                           fixture_item_id((which + added) % 4, 5), preference),
                             0);
            newest[added++] = preference;
        }
        if (i % 150 == 100)
            (void)fixture_train(world.engine);
        if (i % 100 == 0)
            assert_information_is_recomputed(&world);
    }
    assert_information_is_recomputed(&world);
    FD_CLEANUP(fd_stats_clear) fd_stats stats = fixture_stats(world.engine);
    for (fd_preference p = FD_PREFER_A; p <= FD_PREFER_SKIP; p++) {
        size_t count = 0;
        for (size_t i = 0; i < added; i++)
            count += newest[i] == p;
        assert_int_equal(stats.all.by_preference[p], count);
        rows += p == FD_PREFER_SKIP ? 0 : count;
    }
    assert_int_equal(fixture_model(world.engine).labels, rows);
}

static void retracting_all_labels_restores_the_information(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 3, 5);
    double before = fixture_model(world.engine).logdet;
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(fixture_label(world.engine, i, fixture_item_id(i % 3, 0),
                                       fixture_item_id(i % 3, 1 + i / 3), (fd_preference)(i % 4)),
                         0);
    assert_true(fixture_model(world.engine).logdet > before + 1);
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(fixture_revise(world.engine, i, FD_PREFER_RETRACTED), 0);
    fd_model_info after = fixture_model(world.engine);
    assert_int_equal(after.labels, 0);
    assert_true(fabs(after.logdet - before) <= 1e-6 * fabs(before));
}

static void metrics_count_labels_by_their_newest_revision(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 6);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(
            fixture_label(world.engine, i, "p0-r0", fixture_item_id(0, 1 + i), FD_PREFER_A), 0);
    for (size_t i = 1; i < 5; i++)
        assert_int_equal(fixture_revise(world.engine, i, (fd_preference)i), 0);
    for (size_t i = 0; i < 2; i++) {
        static const char *const names[] = {"a", "b", "tie", "skip", "retracted"};
        for (size_t k = 0; k < FD_LENGTH(names); k++) {
            char line[64];
            (void)snprintf(line, sizeof(line), "fisherd_labels{preference=\"%s\"} 1\n", names[k]);
            assert_true(prints(world.engine, line));
        }
        assert_int_equal(fixture_model(world.engine).labels, 3);
        world_reopen(&world);
    }
}

static void train_and_score(struct world *world, double *scores) {
    fd_item_reference items[12];
    fd_score found[12];
    char ids[12][16];
    uint64_t version;
    fd_fault fault = {0};
    assert_int_equal(fixture_train(world->engine), 1);
    for (size_t i = 0; i < 12; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "p%zu-r%zu", i / 6, i % 6);
        items[i] = (fd_item_reference){.id = ids[i]};
    }
    assert_int_equal(fd_engine_score(world->engine, items, 12, found, &version, &fault), 0);
    for (size_t i = 0; i < 12; i++)
        scores[i] = found[i].reward;
}

/* Ten labels; those in `corrected` are first wrong and then corrected. */
static void learn_ten(bool corrected, double *scores) {
    static const fd_preference right[] = {FD_PREFER_A,    FD_PREFER_B,         FD_PREFER_TIE,
                                          FD_PREFER_SKIP, FD_PREFER_RETRACTED, FD_PREFER_B};
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 2, 6);
    for (size_t i = 0; i < 10; i++) {
        fd_preference preference = right[i % FD_LENGTH(right)];
        bool absent = preference == FD_PREFER_RETRACTED;
        if (absent && !corrected)
            continue;
        assert_int_equal(fixture_label(world.engine, i, fixture_item_id(i % 2, i / 2),
                                       fixture_item_id(i % 2, 5),
                                       !corrected                  ? preference
                                       : preference == FD_PREFER_A ? FD_PREFER_SKIP
                                                                   : FD_PREFER_A),
                         0);
    }
    for (size_t i = 0; corrected && i < 10; i++)
        assert_int_equal(fixture_revise(world.engine, i, right[i % FD_LENGTH(right)]), 0);
    train_and_score(&world, scores);
}

static void a_training_after_corrections_equals_one_on_right_answers_from_the_start(void **state) {
    (void)state;
    double right[12], corrected[12];
    learn_ten(false, right);
    learn_ten(true, corrected);
    for (size_t i = 0; i < 12; i++)
        assert_true(right[i] == corrected[i]);
}

/* ---- the queue ---- */

static void new_items_bring_new_pairs_when_none_were_left(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    fixture_hand hand;
    fd_fault fault = {0};
    world_prepare(&world);
    world_open(&world);
    assert_int_equal(fd_engine_assign(world.engine,
                                      &(fd_assign_request){.annotator = "anna", .count = 1},
                                      fixture_keep_lease, &hand, &fault),
                     -EAGAIN);
    assert_non_null(strstr(fault.detail, "no items"));
    fixture_add_items(world.engine, 1, 3);
    for (size_t i = 0; i < 3; i++) {
        fixture_given given = ask(&world, "anna");
        answer(&world, i, "anna", &given, FD_PREFER_A);
    }
    assert_false(is_left_for(&world, "anna"));
    fixture_add_items(world.engine, 1, 4); /* the fourth item is new: it adds three pairs */
    assert_int_equal(ask_for(&world, "anna", 10, &hand), 3);
}

static void pairs_are_chosen_again_when_a_model_is_published(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 6, 8);
    for (uint64_t version = 0; version < 4; version++) {
        /* The queue is full of pairs of the last version, and one is assigned. */
        fixture_wait_version(world.engine, version);
        fixture_given given = ask(&world, "anna");
        assert_int_equal(given.model_version, version);
        assert_true(isfinite(given.gain) && given.gain > 0);
        answer(&world, version, "anna", &given, FD_PREFER_A);
        assert_int_equal(fixture_train(world.engine), version + 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_label_that_names_no_lease_ends_the_open_lease_of_its_pair),
        cmocka_unit_test(a_label_for_an_expired_lease_counts_and_removes_the_pair_from_the_queue),
        cmocka_unit_test(a_label_counts_even_if_the_pair_was_assigned_to_another_meanwhile),
        cmocka_unit_test(a_label_sent_twice_counts_once),
        cmocka_unit_test(unfinished_pairs_lie_ready_again_after_a_restart),
        cmocka_unit_test(
            after_a_retraction_the_pair_can_be_assigned_again_but_not_after_a_correction),
        cmocka_unit_test(information_follows_any_mix_of_labels_corrections_and_retractions),
        cmocka_unit_test(retracting_all_labels_restores_the_information),
        cmocka_unit_test(metrics_count_labels_by_their_newest_revision),
        cmocka_unit_test(a_training_after_corrections_equals_one_on_right_answers_from_the_start),
        cmocka_unit_test(new_items_bring_new_pairs_when_none_were_left),
        cmocka_unit_test(pairs_are_chosen_again_when_a_model_is_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
