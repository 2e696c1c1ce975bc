/* No request waits for a refill: a quick choice, and what is remembered when nothing is left. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "assignments.h"
#include "assignments_state.h"
#include "candidate_sample.h"
#include "engine_state.h"
#include "fixture.h"
#include "label_statistics.h"
#include "labels.h"
#include "nothing_left.h"
#include "quick_choice.h"
#include "refill_thread.h"
#include "thread.h"

static void name_of(char name[16], size_t annotator) {
    (void)snprintf(name, 16, "ann-%zu", annotator);
}

/* Ends the refill thread, so that only quick choices are left. What it was at is waited for: its
 * pairs would come into the middle of a test. Closing joins a thread, so one is started that ends
 * at once. */
static void world_without_refills(struct world *world, size_t prompts, size_t responses) {
    world_start(world, prompts, responses);
    fd_engine_interrupt(world->engine);
    fd_refill_stop(world->engine);
    assert_int_equal(fd_refill_start(world->engine), 0);
}

static void without_a_refill_each_pair_is_still_assigned_once(void **state) {
    (void)state;
    enum { PROMPTS = 6, RESPONSES = 6, PAIRS = PROMPTS * RESPONSES * (RESPONSES - 1) / 2 };
    static const char *const strategies[] = {"i-opt", "greedy", "entropy", "maxdiff", "random"};
    for (size_t s = 0; s < FD_LENGTH(strategies); s++) {
        FD_CLEANUP(world_clear) struct world world;
        fixture_given given[PAIRS];
        size_t quick = 0;
        world_prepare(&world);
        world.options.ready = 1;
        world.options.strategy = strategies[s];
        world_without_refills(&world, PROMPTS, RESPONSES);
        for (size_t i = 0; i < PAIRS; i++) {
            char name[16];
            name_of(name, i);
            given[i] = ask(&world, name);
            quick += strcmp(given[i].strategy, FD_QUICK_STRATEGY) == 0;
            for (size_t k = 0; k < i; k++)
                assert_false(fixture_same_pair(&given[i], &given[k]));
        }
        assert_in_range(quick, PAIRS - 40, PAIRS); /* a refill may have been faster at first */
        assert_false(is_left_for(&world, "late"));
    }
}

static void the_control_arm_keeps_its_share_of_quick_choices(void **state) {
    (void)state;
    enum { TIMES = 400 };
    FD_CLEANUP(world_clear) struct world world;
    size_t control = 0;
    world_prepare(&world);
    world.options.control_fraction = 0.3;
    world_without_refills(&world, 12, 12);
    for (size_t k = 0; k < TIMES; k++) {
        fixture_given given = ask(&world, "anna");
        control += given.control;
        assert_true(!given.control || strcmp(given.strategy, "random") == 0);
        assert_int_equal(given.id[0], given.control ? 'c' : 'a');
        answer(&world, k, "anna", &given, FD_PREFER_A);
    }
    assert_true(fabs((double)control - TIMES * 0.3) <= 5 * sqrt(TIMES * 0.3 * 0.7));
}

static void a_request_for_several_pairs_gets_several(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    fixture_hand hand;
    world_prepare(&world);
    world_without_refills(&world, 40, 8);
    while (ask_for(&world, "first", 32, &hand) == 0)
        continue;
    assert_int_equal(ask_for(&world, "second", 20, &hand), 20);
    for (size_t i = 0; i < hand.count; i++)
        for (size_t k = 0; k < i; k++)
            assert_false(fixture_same_pair(&hand.given[i], &hand.given[k]));
}

struct asking {
    struct world *world;
    pthread_t thread;
    char name[16];
    fixture_given given;
};

static void *ask_beside(void *context) {
    struct asking *asking = context;
    asking->given = ask(asking->world, asking->name);
    return NULL;
}

static uint64_t count_choices(struct world *world) {
    FD_LOCKED(&world->engine->assignments->pending.lock);
    return world->engine->assignments->pending.changes;
}

static void those_who_ask_at_once_get_pairs_of_one_quick_choice(void **state) {
    (void)state;
    enum { PEOPLE = 8 };
    FD_CLEANUP(world_clear) struct world world;
    struct asking asking[PEOPLE];
    fixture_given given = {0};
    char name[16];
    world_prepare(&world);
    world_without_refills(&world, 40, 8);
    fd_assignments *assignments = world.engine->assignments;
    fd_refill_stop(world.engine);
    for (size_t i = PEOPLE; strcmp(given.strategy, FD_QUICK_STRATEGY) != 0; i++) {
        name_of(name, i);
        given = ask(&world, name); /* until nothing lies ready any more */
    }
    uint64_t before = count_choices(&world);
    {
        FD_LOCKED(&assignments->quick_choice);
        for (size_t i = 0; i < PEOPLE; i++) {
            asking[i].world = &world;
            name_of(asking[i].name, i);
            assert_int_equal(pthread_create(&asking[i].thread, NULL, ask_beside, &asking[i]), 0);
        }
        while (atomic_load(&assignments->waiting) < PEOPLE)
            (void)usleep(1000);
    }
    for (size_t i = 0; i < PEOPLE; i++)
        assert_int_equal(pthread_join(asking[i].thread, NULL), 0);
    assert_int_equal(count_choices(&world), before + 1);
    for (size_t i = 0; i < PEOPLE; i++)
        for (size_t k = 0; k < i; k++)
            assert_false(fixture_same_pair(&asking[i].given, &asking[k].given));
    assert_int_equal(fd_refill_start(world.engine), 0); /* ends at once; closing waits for it */
}

/* As if nothing were out. */
static void forget_pending(struct world *world) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_snapshot(world->engine, &snapshot, &fault), 0);
    assert_int_equal(
        fd_pending_factor_add(&world->engine->assignments->pending, snapshot, true, NULL, 0), 0);
}

/* The best of a sample is better than its average. */
static void a_quick_choice_takes_pairs_of_high_gain(void **state) {
    (void)state;
    enum { TIMES = 60 };
    FD_CLEANUP(world_clear) struct world world;
    double chosen = 0, drawn = 0;
    world_prepare(&world);
    world.options.strategy = "greedy";
    world_without_refills(&world, 60, 8);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(fixture_label(world.engine, i, fixture_item_id(i, 0),
                                       fixture_item_id(i, 1), FD_PREFER_A),
                         0);
    for (size_t i = 0; i < TIMES; i++) {
        FD_CLEANUP(fd_quick_choice_clear) fd_quick_choice choice = {0};
        fd_fault fault = {0};
        forget_pending(&world);
        assert_int_equal(fd_quick_choice_make(world.engine, 0, 1, 0, &choice, &fault), 0);
        assert_int_equal(choice.count, 1);
        assert_false(choice.is_last);
        chosen += choice.pairs[0]->gain;
    }
    for (size_t i = 0; i < TIMES; i++) {
        fd_selection_request request = fixture_request(1, FI_SCOPE_WITHIN, i);
        fd_selection_result result;
        fd_fault fault = {0};
        request.strategy = "random";
        request.generate.pairs = 32;
        assert_int_equal(fd_engine_select(world.engine, &request, &result, &fault), 0);
        drawn += result.pairs[0].gain;
        fd_selection_result_clear(&result);
    }
    assert_true(chosen > 1.2 * drawn);
}

/* So the gains that were promised add up to the rise of log det by all pairs together. */
static void quick_choices_count_those_before_them_as_known(void **state) {
    (void)state;
    static const size_t counts[] = {1, 5, 1, 1, 12, 3};
    FD_CLEANUP(world_clear) struct world world;
    fi_pair pairs[32];
    size_t n = 0;
    double promised = 0;
    world_prepare(&world);
    world.options.strategy = "greedy";
    world.options.control_fraction = 0;
    world_without_refills(&world, 60, 8);
    forget_pending(&world);
    for (size_t i = 0; i < FD_LENGTH(counts); i++) {
        FD_CLEANUP(fd_quick_choice_clear) fd_quick_choice choice = {0};
        fd_fault fault = {0};
        assert_int_equal(fd_quick_choice_make(world.engine, 0, counts[i], 0, &choice, &fault), 0);
        assert_int_equal(choice.count, counts[i]);
        for (size_t k = 0; k < choice.count; k++) {
            promised += choice.pairs[k]->gain;
            pairs[n++] = choice.pairs[k]->pair;
        }
    }
    fd_selection_request request = fixture_request(1, FI_SCOPE_WITHIN, 1);
    fd_selection_result before, after;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_select(world.engine, &request, &before, &fault), 0);
    request.pending_rows = pairs;
    request.n_pending_rows = n;
    assert_int_equal(fd_engine_select(world.engine, &request, &after, &fault), 0);
    double rise = after.logdet_before - before.logdet_before;
    assert_true(fabs(promised - rise) < 1e-5 * rise);
    fd_selection_result_clear(&before);
    fd_selection_result_clear(&after);
}

/* ---- when nothing is left ---- */

static bool is_used_up(fd_engine *engine) {
    FD_LOCKED(&engine->assignments->lock);
    return fd_assignments_used_up(engine->assignments);
}

static double refills(fd_engine *engine) {
    static const char name[] = "\nfisherd_refill_duration_seconds_count ";
    FD_FREE char *text = fixture_metrics(fd_engine_metrics(engine));
    const char *found = strstr(text, name);
    return found ? strtod(found + sizeof(name) - 1, NULL) : 0;
}

static void polls_cost_no_selection_once_nothing_is_left(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 3);
    for (size_t i = 0; i < 2; i++) {
        fixture_given given = ask(&world, "anna");
        answer(&world, i, "anna", &given, FD_PREFER_A);
    }
    fixture_given last = ask(&world, "anna");
    while (!is_used_up(world.engine))
        assert_false(is_left_for(&world, "bert"));
    double before = refills(world.engine);
    for (size_t i = 0; i < 300; i++)
        assert_false(is_left_for(&world, "bert"));
    (void)usleep(20000);
    assert_in_range(refills(world.engine) - before, 0, 5); /* that were under way or due */

    /* A lease that ends, a correction and an item change it. */
    assert_int_equal(fd_engine_assignment_return(world.engine, last.id, NULL), 0);
    fixture_given given = ask(&world, "bert");
    assert_true(fixture_same_pair(&given, &last));
    answer(&world, 2, "bert", &given, FD_PREFER_A);
    assert_false(is_left_for(&world, "carl"));
    uint32_t revision;
    assert_int_equal(fd_engine_label_revise(world.engine, "label-0", NULL, FD_PREFER_RETRACTED, -1,
                                            NULL, &revision),
                     0);
    given = ask(&world, "carl");
    answer(&world, 3, "carl", &given, FD_PREFER_A);
    assert_false(is_left_for(&world, "carl"));
    fixture_add_items(world.engine, 2, 3);
    for (size_t i = 0; i < 3; i++) {
        given = ask(&world, "carl");
        answer(&world, 4 + i, "carl", &given, FD_PREFER_A);
    }
    assert_false(is_left_for(&world, "carl"));
}

/* Labels the pairs of one prompt's items, all or but that of the first two. */
static void label_all(fd_engine *engine, size_t responses, bool but_one) {
    size_t n = 0, most = responses * (responses - 1) / 2;
    FD_FREE fd_label *labels = calloc(most, sizeof(*labels));
    FD_FREE char(*ids)[24] = calloc(most, sizeof(*ids)), (*items)[24] = calloc(responses, 24);
    fd_added added;
    fd_fault fault = {0};
    assert_true(labels && ids && items);
    for (size_t i = 0; i < responses; i++)
        (void)snprintf(items[i], sizeof(items[i]), "%s", fixture_item_id(0, i));
    for (size_t a = 0; a < responses; a++)
        for (size_t b = a + 1; b < responses; b++) {
            if (but_one && b == 1)
                continue;
            (void)snprintf(ids[n], sizeof(ids[n]), "all-%zu", n);
            labels[n] = (fd_label){.id = ids[n],
                                   .a = items[a],
                                   .b = items[b],
                                   .preference = FD_PREFER_A,
                                   .annotator = "all",
                                   .duration_ms = -1};
            n++;
        }
    assert_int_equal(fd_engine_labels_add(engine, labels, n, &added, &fault), 0);
    assert_int_equal(added.created, n);
}

/* 19,900 pairs are more than a request looks at. */
static void among_very_many_pairs_the_last_ones_are_being_looked_for(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world_without_refills(&world, 1, 200);
    label_all(world.engine, 200, false);
    assert_false(is_left_for(&world, "anna"));
    assert_false(is_used_up(world.engine));
    assert_int_equal(fd_engine_nothing_left(world.engine), FD_NOTHING_FOUND_YET);
}

static void the_last_one_of_very_many_pairs_is_found(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 1, 200);
    label_all(world.engine, 200, true);
    while (!is_left_for(&world, "anna"))
        assert_int_equal(fd_engine_nothing_left(world.engine), FD_NOTHING_FOUND_YET);
    fixture_given last = ask(&world, "anna");
    answer(&world, 0, "anna", &last, FD_PREFER_A);
    while (!is_used_up(world.engine))
        assert_false(is_left_for(&world, "bert"));
    assert_int_equal(fd_engine_nothing_left(world.engine), FD_NOTHING_BUT_ANSWERED);
}

static void leases_do_not_let_one_arm_hold_all_that_is_left(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options.ready = 4;
    world.options.control_fraction = 0.3;
    world_without_refills(&world, 12, 12); /* 792 pairs */
    fixture_hand hand;
    (void)ask_for(&world, "anna", 100, &hand);
    fd_ready_demand_update(world.engine);
    FD_LOCKED(&world.engine->assignments->lock);
    assert_in_range(fd_ready_demand_wanted(world.engine, FD_ARM_ACTIVE), 1, 792 / 8);
    assert_in_range(fd_ready_demand_wanted(world.engine, FD_ARM_CONTROL), 1, 792 / 8);
}

/* ---- pairs that wait for others ---- */

enum { QUEUED = 500 };

static void those_who_had_the_first_pairs_do_not_look_at_them_again(void **state) {
    (void)state;
    fd_engine_options options = fixture_options();
    fd_pair_records records = {0};
    fd_ready_queues queues = {.records = &records, .options = &options};
    fd_ready_pair pairs[QUEUED + 1] = {0};
    size_t behind;
    options.redundancy = 3;
    options.redundancy_share = 1;
    for (size_t i = 0; i <= QUEUED; i++) {
        atomic_init(&pairs[i].references, 2);
        pairs[i].pair = (fi_pair){(uint32_t)i, (uint32_t)i + 1};
    }
    for (size_t i = 0; i < QUEUED; i++)
        assert_int_equal(fd_ready_queues_put(&queues, &pairs[i], false), 0);
    for (size_t i = 0; i < QUEUED; i++)
        for (uint32_t annotator = 5; annotator < 7; annotator++) {
            assert_ptr_equal(fd_ready_queues_find(&queues, FD_ARM_ACTIVE, annotator, &behind),
                             &pairs[i]);
            assert_int_equal(behind, i);
            fd_pair_record *record = fd_pair_records_find(&records, pairs[i].pair);
            assert_int_equal(fd_pair_record_add_annotator(record, annotator), 0);
            const fd_ready_queue *queue = &queues.arms[FD_ARM_ACTIVE];
            assert_int_equal(queue->passed[annotator].end, queue->places[i]);
        }
    assert_null(fd_ready_queues_find(&queues, FD_ARM_ACTIVE, 5, &behind));
    assert_int_equal(behind, QUEUED);
    /* A pair at the front is new, and a pair that was given back may come again. */
    assert_int_equal(fd_ready_queues_put(&queues, &pairs[QUEUED], true), 0);
    assert_ptr_equal(fd_ready_queues_find(&queues, FD_ARM_ACTIVE, 5, &behind), &pairs[QUEUED]);
    assert_int_equal(behind, 0);
    fd_pair_record *front = fd_pair_records_find(&records, pairs[QUEUED].pair);
    assert_int_equal(fd_pair_record_add_annotator(front, 5), 0);
    fd_pair_record_remove_annotator(fd_pair_records_find(&records, pairs[7].pair), 5);
    fd_ready_queues_forget_passed(&queues, 5);
    assert_ptr_equal(fd_ready_queues_find(&queues, FD_ARM_ACTIVE, 5, &behind), &pairs[7]);
    assert_ptr_equal(fd_ready_queues_find(&queues, FD_ARM_ACTIVE, 6, &behind), &pairs[QUEUED]);
    fd_ready_queues_clear(&queues);
    fd_pair_records_clear(&records);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_refill_each_pair_is_still_assigned_once),
        cmocka_unit_test(the_control_arm_keeps_its_share_of_quick_choices),
        cmocka_unit_test(a_request_for_several_pairs_gets_several),
        cmocka_unit_test(those_who_ask_at_once_get_pairs_of_one_quick_choice),
        cmocka_unit_test(a_quick_choice_takes_pairs_of_high_gain),
        cmocka_unit_test(quick_choices_count_those_before_them_as_known),
        cmocka_unit_test(polls_cost_no_selection_once_nothing_is_left),
        cmocka_unit_test(among_very_many_pairs_the_last_ones_are_being_looked_for),
        cmocka_unit_test(the_last_one_of_very_many_pairs_is_found),
        cmocka_unit_test(leases_do_not_let_one_arm_hold_all_that_is_left),
        cmocka_unit_test(those_who_had_the_first_pairs_do_not_look_at_them_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
