/* Which annotator gets which pair, for how long, and from which arm. */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "assignment_id.h"
#include "assignments.h"
#include "assignments_state.h"
#include "engine_state.h"
#include "fixture.h"
#include "items.h"
#include "label_statistics.h"
#include "refill_thread.h"
#include "score.h"
#include "thread.h"

static size_t open_leases(struct world *world) {
    FD_CLEANUP(fd_stats_clear) fd_stats stats = fixture_stats(world->engine);
    return stats.open_leases;
}

/* ---- leases ---- */

static void expired_leases_go_to_another_annotator(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 2);
    fixture_given first = ask(&world, "anna");
    assert_int_equal(first.expires_ms, atomic_load(&world.clock.now_ms) + 600000);
    fixture_pass(&world.clock, 599.9);
    assert_false(is_left_for(&world, "bert"));
    fixture_pass(&world.clock, 0.1);
    assert_int_equal(open_leases(&world), 0);
    fixture_given second = ask(&world, "bert");
    assert_true(fixture_same_pair(&first, &second));
    assert_string_not_equal(first.id, second.id);
    assert_false(is_left_for(&world, "anna"));
    assert_int_equal(open_leases(&world), 1);
}

static void a_lease_lasts_as_long_as_the_request_says(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    fixture_hand hand;
    world_begin(&world, 1, 2);
    assert_int_equal(fixture_assign(world.engine, "anna", 1, 5, &hand), 1);
    assert_int_equal(hand.given[0].expires_ms, atomic_load(&world.clock.now_ms) + 5000);
    fixture_pass(&world.clock, 5);
    assert_true(is_left_for(&world, "bert"));
}

static void renewing_a_lease_starts_its_time_again(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 2);
    fixture_given given = ask(&world, "anna"), renewed = {0};
    fixture_pass(&world.clock, 500);
    assert_int_equal(
        fd_engine_assignment_renew(world.engine, given.id, NULL, 0, fixture_keep_lease, &renewed),
        0);
    assert_string_equal(renewed.id, given.id);
    assert_int_equal(renewed.expires_ms, given.expires_ms + 500000);
    fixture_pass(&world.clock, 599);
    assert_false(is_left_for(&world, "bert"));
    assert_int_equal(
        fd_engine_assignment_renew(world.engine, given.id, NULL, 3, fixture_keep_lease, &renewed),
        0);
    assert_int_equal(renewed.expires_ms, atomic_load(&world.clock.now_ms) + 3000);
    fixture_pass(&world.clock, 3);
    assert_int_equal(
        fd_engine_assignment_renew(world.engine, given.id, NULL, 0, fixture_keep_lease, &renewed),
        -ENOENT);
    assert_int_equal(
        fd_engine_assignment_renew(world.engine, "none", NULL, 0, fixture_keep_lease, &renewed),
        -ENOENT);
    assert_true(is_left_for(&world, "bert"));
}

static void a_returned_pair_can_go_to_anyone_again(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 2);
    fixture_given first = ask(&world, "anna");
    assert_int_equal(fd_engine_assignment_return(world.engine, first.id, NULL), 0);
    assert_int_equal(fd_engine_assignment_return(world.engine, first.id, NULL), -ENOENT);
    fixture_given second = ask(&world, "bert");
    assert_true(fixture_same_pair(&first, &second));
    assert_int_equal(fd_engine_assignment_return(world.engine, second.id, NULL), 0);
    fixture_given third = ask(&world, "anna");
    assert_true(fixture_same_pair(&first, &third));
    answer(&world, 1, "anna", &third, FD_PREFER_A);
    assert_int_equal(fd_engine_assignment_return(world.engine, third.id, NULL), -ENOENT);
}

static void only_its_annotator_can_renew_or_return_a_lease(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 2);
    fixture_given given = ask(&world, "anna"), renewed = {0};
    assert_false(is_left_for(&world, "bert"));
    assert_int_equal(
        fd_engine_assignment_renew(world.engine, given.id, "bert", 0, fixture_keep_lease, &renewed),
        -ENOENT);
    assert_int_equal(fd_engine_assignment_return(world.engine, given.id, "bert"), -ENOENT);
    assert_false(is_left_for(&world, "bert"));
    assert_int_equal(
        fd_engine_assignment_renew(world.engine, given.id, "anna", 0, fixture_keep_lease, &renewed),
        0);
    assert_int_equal(fd_engine_assignment_return(world.engine, given.id, "anna"), 0);
    assert_true(is_left_for(&world, "bert"));
}

static void asking_again_returns_open_leases_first_the_oldest_before_all(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    fixture_hand hand, again;
    world_begin(&world, 3, 4);
    fixture_wait_ready(world.engine, 16, 0);
    fixture_given first = ask(&world, "anna");
    assert_string_equal(ask(&world, "anna").id, first.id);
    assert_int_equal(ask_for(&world, "anna", 5, &hand), 5);
    assert_string_equal(hand.given[0].id, first.id);
    assert_int_equal(ask_for(&world, "anna", 3, &again), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(again.given[i].id, hand.given[i].id);
        assert_string_equal(again.given[i].a, hand.given[i].a);
        assert_int_equal(again.given[i].expires_ms, hand.given[i].expires_ms);
    }
    answer(&world, 1, "anna", &hand.given[0], FD_PREFER_A);
    assert_string_equal(ask(&world, "anna").id, hand.given[1].id);
}

/* ---- annotators of a pair ---- */

static void a_pair_is_never_assigned_to_two_annotators(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    static fixture_hand all;
    fixture_hand hand;
    char name[16];
    world_begin(&world, 4, 5); /* 40 pairs */
    for (size_t i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof(name), "ann-%zu", i / 3);
        size_t open = i % 3;
        double deadline = fixture_seconds() + 60;
        while (ask_for(&world, name, open + 1, &hand) < open + 1)
            assert_true(fixture_seconds() < deadline);
        all.given[i] = hand.given[open];
        for (size_t k = 0; k < i; k++)
            assert_false(fixture_same_pair(&all.given[k], &all.given[i]));
    }
    assert_false(is_left_for(&world, "late"));
    fixture_pass(&world.clock, 600);
    assert_int_equal(ask_for(&world, "late", 100, &hand), 40);
}

static void a_pair_with_redundancy_two_goes_to_two_different_annotators(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options.redundancy = 2;
    world_start(&world, 1, 2);
    fixture_given anna = ask(&world, "anna"), bert = ask(&world, "bert");
    assert_true(fixture_same_pair(&anna, &bert));
    assert_false(is_left_for(&world, "carl"));
    answer(&world, 1, "anna", &anna, FD_PREFER_A);
    assert_false(is_left_for(&world, "anna"));
    assert_false(is_left_for(&world, "carl"));
    assert_int_equal(fd_engine_assignment_return(world.engine, bert.id, NULL), 0);
    assert_false(is_left_for(&world, "anna"));
    fixture_given carl = ask(&world, "carl");
    answer(&world, 2, "carl", &carl, FD_PREFER_B);
    assert_false(is_left_for(&world, "anna"));
    assert_false(is_left_for(&world, "bert"));
    assert_int_equal(fixture_model(world.engine).labels, 2);
}

/* The annotators ask in turn until nothing is left. shares[k]: pairs that went to k of them. */
static void label_everything(struct world *world, size_t annotators, fd_preference preference,
                             size_t prompts, size_t responses, size_t *shares, size_t n_shares) {
    FD_FREE size_t *times = calloc(prompts * responses * responses, sizeof(*times));
    fixture_hand hand;
    char name[16];
    size_t number = 0;
    assert_non_null(times);
    for (size_t i = 0; i < annotators; i++) {
        (void)snprintf(name, sizeof(name), "ann-%zu", i);
        while (ask_for(world, name, 1, &hand) > 0) {
            size_t p, a, b;
            assert_int_equal(sscanf(hand.given[0].a, "p%zu-r%zu", &p, &a), 2);
            assert_int_equal(sscanf(hand.given[0].b, "p%zu-r%zu", &p, &b), 2);
            times[(p * responses + (a < b ? a : b)) * responses + (a < b ? b : a)]++;
            answer(world, number++, name, &hand.given[0], preference);
        }
    }
    for (size_t i = 0; i < prompts * responses * responses; i++) {
        assert_true(times[i] < n_shares);
        shares[times[i]]++;
    }
}

/* A new version chooses the pairs that lie ready again, but none that are out. */
static void a_pair_that_is_out_goes_to_its_second_annotator_after_a_training_too(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options.redundancy = 2;
    world_start(&world, 2, 4);
    fixture_wait_ready(world.engine, 1, 0);
    fixture_given given = ask(&world, "anna");
    const char *prompt = given.a[1] == '0' ? "p1" : "p0"; /* answers about the other prompt */
    for (size_t k = 0; k < 12; k++) {
        char a[16], b[16];
        (void)snprintf(a, sizeof(a), "%s-r%zu", prompt, k % 4);
        (void)snprintf(b, sizeof(b), "%s-r%zu", prompt, (k + 1) % 4);
        assert_int_equal(fixture_label(world.engine, 100 + k, a, b, FD_PREFER_A), 0);
    }
    fixture_wait_version(world.engine, fixture_train(world.engine));
    fixture_hand hand;
    bool found = false;
    size_t n = ask_for(&world, "bert", 12, &hand);
    for (size_t i = 0; i < n; i++)
        found |= fixture_same_pair(&hand.given[i], &given);
    assert_true(found);
}

static void one_annotator_gets_every_pair_even_with_redundancy(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    size_t shares[2] = {0};
    world_prepare(&world);
    world.options.redundancy = 2;
    world.options.ready = 4;
    world_start(&world, 6, 5); /* 60 pairs */
    label_everything(&world, 1, FD_PREFER_A, 6, 5, shares, 2);
    assert_int_equal(shares[1], 60);
}

static void one_annotator_who_skips_everything_gets_every_pair(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    size_t shares[2] = {0};
    world_prepare(&world);
    world.options.ready = 4;
    world_start(&world, 6, 5);
    label_everything(&world, 1, FD_PREFER_SKIP, 6, 5, shares, 2);
    assert_int_equal(shares[1], 60);
}

static void redundancy_applies_to_the_configured_share_of_pairs(void **state) {
    (void)state;
    const double fractions[] = {0, 0.5, 1};
    for (size_t i = 0; i < FD_LENGTH(fractions); i++) {
        FD_CLEANUP(world_clear) struct world world;
        size_t shares[4] = {0};
        world_prepare(&world);
        world.options.redundancy = 2;
        world.options.redundancy_share = fractions[i];
        world_start(&world, 10, 8); /* 280 pairs */
        label_everything(&world, 4, FD_PREFER_A, 10, 8, shares, 4);
        assert_int_equal(shares[1] + shares[2], 280);
        assert_int_equal(shares[3], 0);
        /* Six standard deviations. */
        assert_true(fabs((double)shares[2] - 280 * fractions[i]) <=
                    (fractions[i] == 0.5 ? 6 * sqrt(280 * 0.25) : 0));
    }
}

static void a_skipped_pair_goes_to_max_skips_others_and_not_to_the_same_annotator(void **state) {
    (void)state;
    for (uint32_t most = 0; most <= 3; most++) {
        FD_CLEANUP(world_clear) struct world world;
        char name[16];
        world_prepare(&world);
        world.options.max_skips = most;
        world_start(&world, 1, 2);
        for (size_t i = 0; i <= most; i++) {
            (void)snprintf(name, sizeof(name), "ann-%zu", i);
            fixture_given given = ask(&world, name);
            answer(&world, i, name, &given, FD_PREFER_SKIP);
            assert_false(is_left_for(&world, name));
        }
        assert_false(is_left_for(&world, "another"));
        world_reopen(&world);
        assert_false(is_left_for(&world, "another"));
        assert_int_equal(fixture_model(world.engine).labels, 0);
    }
}

static void a_skipped_pair_is_finished_once_someone_answers_it(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 2);
    fixture_given anna = ask(&world, "anna");
    answer(&world, 1, "anna", &anna, FD_PREFER_SKIP);
    fixture_given bert = ask(&world, "bert");
    answer(&world, 2, "bert", &bert, FD_PREFER_TIE);
    assert_false(is_left_for(&world, "carl"));
}

/* ---- arms and sides ---- */

static void the_control_arm_gets_the_configured_share_of_assignments(void **state) {
    (void)state;
    const double fractions[] = {0, 0.3, 1};
    enum { TIMES = 600 };
    for (size_t i = 0; i < FD_LENGTH(fractions); i++) {
        FD_CLEANUP(world_clear) struct world world;
        size_t control = 0, left = 0;
        world_prepare(&world);
        world.options.control_fraction = fractions[i];
        world_start(&world, 12, 12); /* 792 pairs */
        for (size_t k = 0; k < TIMES; k++) {
            fixture_wait_ready(world.engine, fractions[i] < 1 ? 1 : 0, fractions[i] > 0 ? 1 : 0);
            fixture_given given = ask(&world, "anna");
            control += given.control;
            left += strcmp(given.a, given.b) < 0;
            assert_string_equal(given.strategy, given.control ? "random" : world.options.strategy);
            assert_int_equal(given.id[0], given.control ? 'c' : 'a');
            answer(&world, k, "anna", &given, FD_PREFER_A);
        }
        double expected = TIMES * fractions[i];
        assert_true(fabs((double)control - expected) <= 5 * sqrt(expected * (1 - fractions[i])));
        /* The order of a pair is fixed, but the sides are drawn at random. */
        assert_true(fabs((double)left - TIMES / 2.0) < 5 * sqrt(TIMES * 0.25));
    }
}

static void with_a_control_fraction_of_one_every_assignment_is_control(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    fixture_hand hand;
    world_prepare(&world);
    world.options.control_fraction = 1;
    world_start(&world, 12, 12);
    for (size_t round = 0; round < 3; round++) {
        size_t count = ask_for(&world, "anna", 100, &hand);
        assert_true(count > 0);
        for (size_t i = 0; i < count; i++)
            assert_true(hand.given[i].control);
    }
}

static void train_on_some(struct world *world, size_t count, size_t prompts, size_t responses) {
    for (size_t i = 0; i < count; i++)
        assert_int_equal(
            fixture_label(world->engine, 1000 + i, fixture_item_id(i % prompts, 0),
                          fixture_item_id(i % prompts, 1 + i / prompts % (responses - 1)),
                          i % 3 == 0 ? FD_PREFER_B : FD_PREFER_A),
            0);
    (void)fixture_train(world->engine);
}

/* The origin of a label that names an assignment, with its items exchanged or not. */
static uint16_t origin_of(struct world *world, const fixture_given *given, const char *annotator,
                          bool exchanged) {
    uint32_t a = fd_item_table_find(&world->engine->items, given->a);
    uint32_t b = fd_item_table_find(&world->engine->items, given->b);
    const fd_label_row row = {.item_a = exchanged ? b : a,
                              .item_b = exchanged ? a : b,
                              .annotator = annotator,
                              .assignment = given->id};
    return fd_origin_of(world->engine->assignment_key, &row).arm_and_p;
}

static void p_is_the_probability_that_the_left_item_is_preferred(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    fixture_hand hand;
    world_begin(&world, 6, 6); /* 90 pairs */
    train_on_some(&world, 20, 6, 6);
    fixture_wait_version(world.engine, 1);
    size_t count = ask_for(&world, "anna", 60, &hand), swapped = 0, surer = 0;
    assert_true(count >= 32);
    for (size_t i = 0; i < count; i++) {
        const fixture_given *given = &hand.given[i];
        fd_item_reference items[] = {{.id = given->a}, {.id = given->b}};
        fd_score scores[2];
        uint64_t version;
        fd_fault fault = {0};
        assert_int_equal(fd_engine_score(world.engine, items, 2, scores, &version, &fault), 0);
        if (given->model_version != version)
            continue;
        double p = 1 / (1 + exp(scores[1].reward - scores[0].reward));
        assert_true(fabs(p - given->p) < 1e-6);
        swapped += strcmp(given->a, given->b) > 0;
        surer += fabs(p - 0.5) > 0.01;
        uint16_t origin = origin_of(&world, given, "anna", false);
        assert_int_equal(origin & ~0xfff, FD_ORIGIN_ACTIVE);
        assert_true(fabs((origin & 0xfff) / (2.0 * FD_ORIGIN_EVEN) - p) < 0.001);
    }
    assert_true(swapped > 0 && surer > 0);
}

static void assert_same_tally(const fd_label_counts *one, const fd_label_counts *other) {
    assert_int_equal(one->labels, other->labels);
    assert_memory_equal(one->by_preference, other->by_preference, sizeof(one->by_preference));
    assert_int_equal(one->timed, other->timed);
    assert_true(one->duration_ms == other->duration_ms);
    assert_int_equal(one->foretold, other->foretold);
    assert_int_equal(one->agreed, other->agreed);
    assert_int_equal(one->last_ms, other->last_ms);
}

static void the_arms_of_labels_survive_a_restart(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    size_t arms[2] = {0}, agreed = 0, foretold = 0;
    world_prepare(&world);
    world.options.control_fraction = 0.5;
    world_start(&world, 6, 6);
    train_on_some(&world, 20, 6, 6);
    for (size_t i = 0; i < 40; i++) {
        fixture_given given = ask(&world, i % 2 ? "anna" : "bert");
        fixture_pass(&world.clock, 1);
        fd_preference preference = i % 5 == 0   ? FD_PREFER_TIE
                                   : i % 5 == 1 ? FD_PREFER_SKIP
                                   : i % 2      ? FD_PREFER_A
                                                : FD_PREFER_B;
        answer(&world, i, i % 2 ? "anna" : "bert", &given, preference);
        arms[given.control]++;
        if (i % 5 > 1 && given.p != 0.5) {
            foretold++;
            agreed += (given.p > 0.5) == (preference == FD_PREFER_A);
        }
    }
    FD_CLEANUP(fd_stats_clear) fd_stats before = fixture_stats(world.engine);
    assert_int_equal(before.all.labels, 60);
    assert_int_equal(before.active.labels, arms[0]);
    assert_int_equal(before.control.labels, arms[1]);
    assert_true(arms[0] > 0 && arms[1] > 0);
    assert_int_equal(before.all.foretold, foretold);
    assert_int_equal(before.all.agreed, agreed);
    assert_int_equal(before.all.last_ms, atomic_load(&world.clock.now_ms));
    assert_true(before.all.duration_ms == 40 * 1000.0);

    world_reopen(&world);
    FD_CLEANUP(fd_stats_clear) fd_stats after = fixture_stats(world.engine);
    assert_same_tally(&before.all, &after.all);
    assert_same_tally(&before.active, &after.active);
    assert_same_tally(&before.control, &after.control);
    assert_int_equal(after.n_annotators, 3);
    for (size_t i = 0; i < after.n_annotators; i++)
        assert_int_equal(after.annotators[i].tally.labels, 20);
}

static void a_model_without_a_preference_predicts_nothing(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    const float embedding[DIMENSION] = {0.5f, 1, 0, 2, 0, 1};
    fd_item_row twins[] = {
        {.id = "one", .prompt_id = "p", .embedding = embedding, .dimension = DIMENSION},
        {.id = "other", .prompt_id = "p", .embedding = embedding, .dimension = DIMENSION}};
    fd_added added;
    fd_fault fault = {0};
    world_prepare(&world);
    world.options.control_fraction = 1;
    world_open(&world);
    assert_int_equal(fd_engine_items_add(world.engine, twins, 2, &added, &fault), 0);
    fixture_given given = ask(&world, "anna");
    assert_true(given.p == 0.5);
    answer(&world, 1, "anna", &given, FD_PREFER_A);
    FD_CLEANUP(fd_stats_clear) fd_stats stats = fixture_stats(world.engine);
    assert_int_equal(stats.control.labels, 1);
    assert_int_equal(stats.all.foretold, 0);
}

static void many_pairs_are_chosen_in_parts_until_enough_lie_ready(void **state) {
    (void)state;
    enum { READY = 600 };
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 10, 16);
    world.options.ready = READY;
    world_reopen(&world);
    fixture_wait_ready(world.engine, READY, 0);
    fd_stats stats = fixture_stats(world.engine);
    assert_int_equal(stats.ready_active, READY);
    assert_in_range(stats.n_batches, 1, SIZE_MAX);
    for (size_t i = 0; i < stats.n_batches; i++)
        assert_in_range(stats.batches[i].count, 1, READY / 2);
    fd_stats_clear(&stats);
}

static uint64_t count_fills(fd_assignments *assignments) {
    FD_LOCKED(&assignments->lock);
    return assignments->fills;
}

static void a_pair_that_was_never_assigned_leaves_no_record_after_a_rebuild(void **state) {
    (void)state;
    enum { READY = 8, TIMES = 10 };
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 100, 4);
    fixture_given given = ask(&world, "anna");
    answer(&world, 1, "anna", &given, FD_PREFER_A);
    (void)ask(&world, "anna");
    fd_assignments *assignments = world.engine->assignments;
    for (size_t i = 0; i < TIMES; i++) {
        fixture_wait_ready(world.engine, READY, 0);
        uint64_t fills = count_fills(assignments);
        fd_refill_notify(world.engine, true);
        while (count_fills(assignments) == fills)
            (void)sched_yield();
    }
    FD_LOCKED(&assignments->lock);
    size_t records = assignments->records.count;
    size_t ready = assignments->ready.arms[FD_ARM_ACTIVE].count;
    assert_int_equal(records, ready + 2); /* one pair is answered, one is assigned */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expired_leases_go_to_another_annotator),
        cmocka_unit_test(a_lease_lasts_as_long_as_the_request_says),
        cmocka_unit_test(renewing_a_lease_starts_its_time_again),
        cmocka_unit_test(a_returned_pair_can_go_to_anyone_again),
        cmocka_unit_test(only_its_annotator_can_renew_or_return_a_lease),
        cmocka_unit_test(asking_again_returns_open_leases_first_the_oldest_before_all),
        cmocka_unit_test(a_pair_is_never_assigned_to_two_annotators),
        cmocka_unit_test(a_pair_with_redundancy_two_goes_to_two_different_annotators),
        cmocka_unit_test(a_pair_that_is_out_goes_to_its_second_annotator_after_a_training_too),
        cmocka_unit_test(one_annotator_gets_every_pair_even_with_redundancy),
        cmocka_unit_test(one_annotator_who_skips_everything_gets_every_pair),
        cmocka_unit_test(redundancy_applies_to_the_configured_share_of_pairs),
        cmocka_unit_test(a_skipped_pair_goes_to_max_skips_others_and_not_to_the_same_annotator),
        cmocka_unit_test(a_skipped_pair_is_finished_once_someone_answers_it),
        cmocka_unit_test(the_control_arm_gets_the_configured_share_of_assignments),
        cmocka_unit_test(with_a_control_fraction_of_one_every_assignment_is_control),
        cmocka_unit_test(p_is_the_probability_that_the_left_item_is_preferred),
        cmocka_unit_test(the_arms_of_labels_survive_a_restart),
        cmocka_unit_test(a_model_without_a_preference_predicts_nothing),
        cmocka_unit_test(many_pairs_are_chosen_in_parts_until_enough_lie_ready),
        cmocka_unit_test(a_pair_that_was_never_assigned_leaves_no_record_after_a_rebuild),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
