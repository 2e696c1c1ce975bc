/* Who gets which pair and for how long, and of which arm it is. */
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

static size_t open_leases(struct desk *desk) {
    FD_CLEANUP(fd_stats_clear) fd_stats stats = fixture_stats(desk->engine);
    return stats.open_leases;
}

/* ---- leases ---- */

static void a_lease_comes_back_after_its_time_and_goes_to_another(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_begin(&desk, 1, 2);
    fixture_given first = ask(&desk, "anna");
    assert_int_equal(first.expires_ms, atomic_load(&desk.clock.now_ms) + 600000);
    fixture_pass(&desk.clock, 599.9);
    assert_false(is_left_for(&desk, "bert"));
    fixture_pass(&desk.clock, 0.1);
    assert_int_equal(open_leases(&desk), 0);
    fixture_given second = ask(&desk, "bert");
    assert_true(fixture_same_pair(&first, &second));
    assert_string_not_equal(first.id, second.id);
    assert_false(is_left_for(&desk, "anna"));
    assert_int_equal(open_leases(&desk), 1);
}

static void a_lease_lasts_as_long_as_was_asked_for(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    fixture_hand hand;
    desk_begin(&desk, 1, 2);
    assert_int_equal(fixture_assign(desk.engine, "anna", 1, 5, &hand), 1);
    assert_int_equal(hand.given[0].expires_ms, atomic_load(&desk.clock.now_ms) + 5000);
    fixture_pass(&desk.clock, 5);
    assert_true(is_left_for(&desk, "bert"));
}

static void a_renewed_lease_runs_from_then_on(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_begin(&desk, 1, 2);
    fixture_given given = ask(&desk, "anna"), renewed = {0};
    fixture_pass(&desk.clock, 500);
    assert_int_equal(
        fd_engine_assignment_renew(desk.engine, given.id, NULL, 0, fixture_keep_lease, &renewed),
        0);
    assert_string_equal(renewed.id, given.id);
    assert_int_equal(renewed.expires_ms, given.expires_ms + 500000);
    fixture_pass(&desk.clock, 599);
    assert_false(is_left_for(&desk, "bert"));
    assert_int_equal(
        fd_engine_assignment_renew(desk.engine, given.id, NULL, 3, fixture_keep_lease, &renewed),
        0);
    assert_int_equal(renewed.expires_ms, atomic_load(&desk.clock.now_ms) + 3000);
    fixture_pass(&desk.clock, 3);
    assert_int_equal(
        fd_engine_assignment_renew(desk.engine, given.id, NULL, 0, fixture_keep_lease, &renewed),
        -ENOENT);
    assert_int_equal(
        fd_engine_assignment_renew(desk.engine, "none", NULL, 0, fixture_keep_lease, &renewed),
        -ENOENT);
    assert_true(is_left_for(&desk, "bert"));
}

static void a_returned_pair_is_offered_again_also_to_whom_it_came_from(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_begin(&desk, 1, 2);
    fixture_given first = ask(&desk, "anna");
    assert_int_equal(fd_engine_assignment_return(desk.engine, first.id, NULL), 0);
    assert_int_equal(fd_engine_assignment_return(desk.engine, first.id, NULL), -ENOENT);
    fixture_given second = ask(&desk, "bert");
    assert_true(fixture_same_pair(&first, &second));
    assert_int_equal(fd_engine_assignment_return(desk.engine, second.id, NULL), 0);
    fixture_given third = ask(&desk, "anna");
    assert_true(fixture_same_pair(&first, &third));
    answer(&desk, 1, "anna", &third, FD_PREFER_A);
    assert_int_equal(fd_engine_assignment_return(desk.engine, third.id, NULL), -ENOENT);
}

static void a_lease_is_renewed_and_returned_by_its_annotator_alone(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_begin(&desk, 1, 2);
    fixture_given given = ask(&desk, "anna"), renewed = {0};
    assert_false(is_left_for(&desk, "bert"));
    assert_int_equal(
        fd_engine_assignment_renew(desk.engine, given.id, "bert", 0, fixture_keep_lease, &renewed),
        -ENOENT);
    assert_int_equal(fd_engine_assignment_return(desk.engine, given.id, "bert"), -ENOENT);
    assert_false(is_left_for(&desk, "bert"));
    assert_int_equal(
        fd_engine_assignment_renew(desk.engine, given.id, "anna", 0, fixture_keep_lease, &renewed),
        0);
    assert_int_equal(fd_engine_assignment_return(desk.engine, given.id, "anna"), 0);
    assert_true(is_left_for(&desk, "bert"));
}

static void asking_again_returns_the_open_leases_first_and_oldest_first(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    fixture_hand hand, again;
    desk_begin(&desk, 3, 4);
    fixture_wait_ready(desk.engine, 16, 0);
    fixture_given first = ask(&desk, "anna");
    assert_string_equal(ask(&desk, "anna").id, first.id);
    assert_int_equal(ask_for(&desk, "anna", 5, &hand), 5);
    assert_string_equal(hand.given[0].id, first.id);
    assert_int_equal(ask_for(&desk, "anna", 3, &again), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(again.given[i].id, hand.given[i].id);
        assert_string_equal(again.given[i].a, hand.given[i].a);
        assert_int_equal(again.given[i].expires_ms, hand.given[i].expires_ms);
    }
    answer(&desk, 1, "anna", &hand.given[0], FD_PREFER_A);
    assert_string_equal(ask(&desk, "anna").id, hand.given[1].id);
}

/* ---- whom a pair goes to ---- */

static void a_pair_is_never_out_to_two(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    static fixture_hand all;
    fixture_hand hand;
    char name[16];
    desk_begin(&desk, 4, 5); /* 40 pairs */
    for (size_t i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof(name), "ann-%zu", i / 3);
        size_t open = i % 3;
        double deadline = fixture_seconds() + 60;
        while (ask_for(&desk, name, open + 1, &hand) < open + 1)
            assert_true(fixture_seconds() < deadline);
        all.given[i] = hand.given[open];
        for (size_t k = 0; k < i; k++)
            assert_false(fixture_same_pair(&all.given[k], &all.given[i]));
    }
    assert_false(is_left_for(&desk, "late"));
    fixture_pass(&desk.clock, 600);
    assert_int_equal(ask_for(&desk, "late", 100, &hand), 40);
}

static void a_pair_for_two_goes_to_two_different_annotators(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_prepare(&desk);
    desk.options.redundancy = 2;
    desk_start(&desk, 1, 2);
    fixture_given anna = ask(&desk, "anna"), bert = ask(&desk, "bert");
    assert_true(fixture_same_pair(&anna, &bert));
    assert_false(is_left_for(&desk, "carl"));
    answer(&desk, 1, "anna", &anna, FD_PREFER_A);
    assert_false(is_left_for(&desk, "anna"));
    assert_false(is_left_for(&desk, "carl"));
    assert_int_equal(fd_engine_assignment_return(desk.engine, bert.id, NULL), 0);
    assert_false(is_left_for(&desk, "anna"));
    fixture_given carl = ask(&desk, "carl");
    answer(&desk, 2, "carl", &carl, FD_PREFER_B);
    assert_false(is_left_for(&desk, "anna"));
    assert_false(is_left_for(&desk, "bert"));
    assert_int_equal(fixture_model(desk.engine).labels, 2);
}

/* Annotators ask until nothing is left for any; how many pairs went to one, two, …, others. */
static void label_everything(struct desk *desk, size_t annotators, fd_preference preference,
                             size_t prompts, size_t responses, size_t *shares, size_t n_shares) {
    FD_FREE size_t *times = calloc(prompts * responses * responses, sizeof(*times));
    fixture_hand hand;
    char name[16];
    size_t number = 0;
    assert_non_null(times);
    for (size_t i = 0; i < annotators; i++) {
        (void)snprintf(name, sizeof(name), "ann-%zu", i);
        while (ask_for(desk, name, 1, &hand) > 0) {
            size_t p, a, b;
            assert_int_equal(sscanf(hand.given[0].a, "p%zu-r%zu", &p, &a), 2);
            assert_int_equal(sscanf(hand.given[0].b, "p%zu-r%zu", &p, &b), 2);
            times[(p * responses + (a < b ? a : b)) * responses + (a < b ? b : a)]++;
            answer(desk, number++, name, &hand.given[0], preference);
        }
    }
    for (size_t i = 0; i < prompts * responses * responses; i++) {
        assert_true(times[i] < n_shares);
        shares[times[i]]++;
    }
}

static void one_annotator_gets_every_pair_also_where_others_are_to_follow(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    size_t shares[2] = {0};
    desk_prepare(&desk);
    desk.options.redundancy = 2;
    desk.options.ready = 4;
    desk_start(&desk, 6, 5); /* 60 pairs */
    label_everything(&desk, 1, FD_PREFER_A, 6, 5, shares, 2);
    assert_int_equal(shares[1], 60);
}

static void one_annotator_who_skips_gets_every_pair(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    size_t shares[2] = {0};
    desk_prepare(&desk);
    desk.options.ready = 4;
    desk_start(&desk, 6, 5);
    label_everything(&desk, 1, FD_PREFER_SKIP, 6, 5, shares, 2);
    assert_int_equal(shares[1], 60);
}

static void redundancy_holds_for_its_share_of_pairs(void **state) {
    (void)state;
    const double fractions[] = {0, 0.5, 1};
    for (size_t i = 0; i < FD_LENGTH(fractions); i++) {
        FD_CLEANUP(desk_clear) struct desk desk;
        size_t shares[4] = {0};
        desk_prepare(&desk);
        desk.options.redundancy = 2;
        desk.options.redundancy_share = fractions[i];
        desk_start(&desk, 10, 8); /* 280 pairs */
        label_everything(&desk, 4, FD_PREFER_A, 10, 8, shares, 4);
        assert_int_equal(shares[1] + shares[2], 280);
        assert_int_equal(shares[3], 0);
        /* Six standard deviations. */
        assert_true(fabs((double)shares[2] - 280 * fractions[i]) <=
                    (fractions[i] == 0.5 ? 6 * sqrt(280 * 0.25) : 0));
    }
}

static void a_skipped_pair_is_offered_to_so_many_others_and_not_to_the_skipper(void **state) {
    (void)state;
    for (uint32_t most = 0; most <= 3; most++) {
        FD_CLEANUP(desk_clear) struct desk desk;
        char name[16];
        desk_prepare(&desk);
        desk.options.max_skips = most;
        desk_start(&desk, 1, 2);
        for (size_t i = 0; i <= most; i++) {
            (void)snprintf(name, sizeof(name), "ann-%zu", i);
            fixture_given given = ask(&desk, name);
            answer(&desk, i, name, &given, FD_PREFER_SKIP);
            assert_false(is_left_for(&desk, name));
        }
        assert_false(is_left_for(&desk, "another"));
        desk_reopen(&desk);
        assert_false(is_left_for(&desk, "another"));
        assert_int_equal(fixture_model(desk.engine).labels, 0);
    }
}

static void an_answer_ends_the_way_of_a_skipped_pair(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_begin(&desk, 1, 2);
    fixture_given anna = ask(&desk, "anna");
    answer(&desk, 1, "anna", &anna, FD_PREFER_SKIP);
    fixture_given bert = ask(&desk, "bert");
    answer(&desk, 2, "bert", &bert, FD_PREFER_TIE);
    assert_false(is_left_for(&desk, "carl"));
}

/* ---- arms and sides ---- */

static void assignments_are_of_the_control_arm_in_the_share_asked_for(void **state) {
    (void)state;
    const double fractions[] = {0, 0.3, 1};
    enum { TIMES = 600 };
    for (size_t i = 0; i < FD_LENGTH(fractions); i++) {
        FD_CLEANUP(desk_clear) struct desk desk;
        size_t control = 0, left = 0;
        desk_prepare(&desk);
        desk.options.control_fraction = fractions[i];
        desk_start(&desk, 12, 12); /* 792 pairs */
        for (size_t k = 0; k < TIMES; k++) {
            fixture_wait_ready(desk.engine, fractions[i] < 1 ? 1 : 0, fractions[i] > 0 ? 1 : 0);
            fixture_given given = ask(&desk, "anna");
            control += given.control;
            left += strcmp(given.a, given.b) < 0;
            assert_string_equal(given.strategy, given.control ? "random" : desk.options.strategy);
            assert_int_equal(given.id[0], given.control ? 'c' : 'a');
            answer(&desk, k, "anna", &given, FD_PREFER_A);
        }
        double expected = TIMES * fractions[i];
        assert_true(fabs((double)control - expected) <= 5 * sqrt(expected * (1 - fractions[i])));
        /* Which item comes first in a pair is no matter of chance, its side is. */
        assert_true(fabs((double)left - TIMES / 2.0) < 5 * sqrt(TIMES * 0.25));
    }
}

static void a_control_arm_alone_is_all_there_is_also_for_many_at_once(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    fixture_hand hand;
    desk_prepare(&desk);
    desk.options.control_fraction = 1;
    desk_start(&desk, 12, 12);
    for (size_t round = 0; round < 3; round++) {
        size_t count = ask_for(&desk, "anna", 100, &hand);
        assert_true(count > 0);
        for (size_t i = 0; i < count; i++)
            assert_true(hand.given[i].control);
    }
}

static void train_on_some(struct desk *desk, size_t count, size_t prompts, size_t responses) {
    for (size_t i = 0; i < count; i++)
        assert_int_equal(
            fixture_label(desk->engine, 1000 + i, fixture_item_id(i % prompts, 0),
                          fixture_item_id(i % prompts, 1 + i / prompts % (responses - 1)),
                          i % 3 == 0 ? FD_PREFER_B : FD_PREFER_A),
            0);
    (void)fixture_train(desk->engine);
}

static void p_is_that_the_one_on_the_left_is_preferred(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    fixture_hand hand;
    desk_begin(&desk, 6, 6); /* 90 pairs */
    train_on_some(&desk, 20, 6, 6);
    fixture_wait_version(desk.engine, 1);
    size_t count = ask_for(&desk, "anna", 60, &hand), swapped = 0, surer = 0;
    assert_true(count >= 32);
    for (size_t i = 0; i < count; i++) {
        const fixture_given *given = &hand.given[i];
        fd_item_reference items[] = {{.id = given->a}, {.id = given->b}};
        fd_score scores[2];
        uint64_t version;
        fd_fault fault = {0};
        assert_int_equal(fd_engine_score(desk.engine, items, 2, scores, &version, &fault), 0);
        if (given->model_version != version)
            continue;
        double p = 1 / (1 + exp(scores[1].reward - scores[0].reward));
        assert_true(fabs(p - given->p) < 1e-6);
        swapped += strcmp(given->a, given->b) > 0;
        surer += fabs(p - 0.5) > 0.01;
        uint16_t origin = fd_origin_of(given->id);
        assert_int_equal(origin & ~0xfff, FD_ORIGIN_ACTIVE);
        assert_true(fabs((origin & 0xfff) / (2.0 * FD_ORIGIN_EVEN) - p) < 0.001);
    }
    assert_true(swapped > 0 && surer > 0);
}

static void only_ids_of_assignments_have_an_origin(void **state) {
    (void)state;
    assert_int_equal(fd_origin_of("a7ff-0123456789abcdef01234567"), FD_ORIGIN_ACTIVE | 0x7ff);
    assert_int_equal(fd_origin_of("c000-0123456789abcdef01234567"), FD_ORIGIN_CONTROL);
    assert_int_equal(fd_origin_of("cfff-0123456789abcdef01234567"), FD_ORIGIN_CONTROL | 0xfff);
    static const char *const others[] = {NULL,
                                         "",
                                         "a7ff",
                                         "assignment",
                                         "b7ff-0123456789abcdef01234567",
                                         "a7FF-0123456789abcdef01234567",
                                         "a7gf-0123456789abcdef01234567",
                                         "a7ff_0123456789abcdef01234567",
                                         "a7ff-0123456789abcdef0123456",
                                         "a7ff-0123456789abcdef012345678",
                                         "a7ff-0123456789abcdeg01234567"};
    for (size_t i = 0; i < FD_LENGTH(others); i++)
        assert_int_equal(fd_origin_of(others[i]), FD_ORIGIN_NONE);
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

static void the_arms_of_answers_survive_a_restart(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    size_t arms[2] = {0}, agreed = 0, foretold = 0;
    desk_prepare(&desk);
    desk.options.control_fraction = 0.5;
    desk_start(&desk, 6, 6);
    train_on_some(&desk, 20, 6, 6);
    for (size_t i = 0; i < 40; i++) {
        fixture_given given = ask(&desk, i % 2 ? "anna" : "bert");
        fixture_pass(&desk.clock, 1);
        fd_preference preference = i % 5 == 0   ? FD_PREFER_TIE
                                   : i % 5 == 1 ? FD_PREFER_SKIP
                                   : i % 2      ? FD_PREFER_A
                                                : FD_PREFER_B;
        answer(&desk, i, i % 2 ? "anna" : "bert", &given, preference);
        arms[given.control]++;
        if (i % 5 > 1 && given.p != 0.5) {
            foretold++;
            agreed += (given.p > 0.5) == (preference == FD_PREFER_A);
        }
    }
    FD_CLEANUP(fd_stats_clear) fd_stats before = fixture_stats(desk.engine);
    assert_int_equal(before.all.labels, 60);
    assert_int_equal(before.active.labels, arms[0]);
    assert_int_equal(before.control.labels, arms[1]);
    assert_true(arms[0] > 0 && arms[1] > 0);
    assert_int_equal(before.all.foretold, foretold);
    assert_int_equal(before.all.agreed, agreed);
    assert_int_equal(before.all.last_ms, atomic_load(&desk.clock.now_ms));
    assert_true(before.all.duration_ms == 40 * 1000.0);

    desk_reopen(&desk);
    FD_CLEANUP(fd_stats_clear) fd_stats after = fixture_stats(desk.engine);
    assert_same_tally(&before.all, &after.all);
    assert_same_tally(&before.active, &after.active);
    assert_same_tally(&before.control, &after.control);
    assert_int_equal(after.n_annotators, 3);
    for (size_t i = 0; i < after.n_annotators; i++)
        assert_int_equal(after.annotators[i].tally.labels, 20);
}

static void a_model_that_prefers_neither_foretells_nothing(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    const float embedding[DIMENSION] = {0.5f, 1, 0, 2, 0, 1};
    fd_item_row twins[] = {
        {.id = "one", .prompt_id = "p", .embedding = embedding, .dimension = DIMENSION},
        {.id = "other", .prompt_id = "p", .embedding = embedding, .dimension = DIMENSION}};
    fd_added added;
    fd_fault fault = {0};
    desk_prepare(&desk);
    desk.options.control_fraction = 1;
    desk_open(&desk);
    assert_int_equal(fd_engine_items_add(desk.engine, twins, 2, &added, &fault), 0);
    fixture_given given = ask(&desk, "anna");
    assert_true(given.p == 0.5);
    answer(&desk, 1, "anna", &given, FD_PREFER_A);
    FD_CLEANUP(fd_stats_clear) fd_stats stats = fixture_stats(desk.engine);
    assert_int_equal(stats.control.labels, 1);
    assert_int_equal(stats.all.foretold, 0);
}

static void many_pairs_are_chosen_in_parts_until_all_lie_ready(void **state) {
    (void)state;
    enum { READY = 600 };
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_begin(&desk, 10, 16);
    desk.options.ready = READY;
    desk_reopen(&desk);
    fixture_wait_ready(desk.engine, READY, 0);
    fd_stats stats = fixture_stats(desk.engine);
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

static void a_pair_that_never_went_out_leaves_nothing_behind_when_others_are_chosen(void **state) {
    (void)state;
    enum { READY = 8, TIMES = 10 };
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_begin(&desk, 100, 4);
    fixture_given given = ask(&desk, "anna");
    answer(&desk, 1, "anna", &given, FD_PREFER_A);
    (void)ask(&desk, "anna");
    fd_assignments *assignments = desk.engine->assignments;
    for (size_t i = 0; i < TIMES; i++) {
        fixture_wait_ready(desk.engine, READY, 0);
        uint64_t fills = count_fills(assignments);
        fd_refill_notify(desk.engine, true);
        while (count_fills(assignments) == fills)
            (void)sched_yield();
    }
    FD_LOCKED(&assignments->lock);
    size_t records = HASH_COUNT(assignments->records.by_key);
    size_t ready = assignments->ready.arms[FD_ARM_ACTIVE].count;
    assert_int_equal(records, ready + 2); /* one pair is answered, one is assigned */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lease_comes_back_after_its_time_and_goes_to_another),
        cmocka_unit_test(a_lease_lasts_as_long_as_was_asked_for),
        cmocka_unit_test(a_renewed_lease_runs_from_then_on),
        cmocka_unit_test(a_returned_pair_is_offered_again_also_to_whom_it_came_from),
        cmocka_unit_test(a_lease_is_renewed_and_returned_by_its_annotator_alone),
        cmocka_unit_test(asking_again_returns_the_open_leases_first_and_oldest_first),
        cmocka_unit_test(a_pair_is_never_out_to_two),
        cmocka_unit_test(a_pair_for_two_goes_to_two_different_annotators),
        cmocka_unit_test(one_annotator_gets_every_pair_also_where_others_are_to_follow),
        cmocka_unit_test(one_annotator_who_skips_gets_every_pair),
        cmocka_unit_test(redundancy_holds_for_its_share_of_pairs),
        cmocka_unit_test(a_skipped_pair_is_offered_to_so_many_others_and_not_to_the_skipper),
        cmocka_unit_test(an_answer_ends_the_way_of_a_skipped_pair),
        cmocka_unit_test(assignments_are_of_the_control_arm_in_the_share_asked_for),
        cmocka_unit_test(a_control_arm_alone_is_all_there_is_also_for_many_at_once),
        cmocka_unit_test(p_is_that_the_one_on_the_left_is_preferred),
        cmocka_unit_test(only_ids_of_assignments_have_an_origin),
        cmocka_unit_test(the_arms_of_answers_survive_a_restart),
        cmocka_unit_test(a_model_that_prefers_neither_foretells_nothing),
        cmocka_unit_test(many_pairs_are_chosen_in_parts_until_all_lie_ready),
        cmocka_unit_test(a_pair_that_never_went_out_leaves_nothing_behind_when_others_are_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
