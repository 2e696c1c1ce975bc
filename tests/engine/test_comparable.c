/* Pairs that people cannot compare are never assigned, in either arm, however they are chosen. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "assignments_state.h"
#include "comparable.h"
#include "engine_state.h"
#include "fixture.h"
#include "items.h"
#include "nothing_left.h"
#include "thread.h"

/* Adds an item with an embedding of its own; texts may be NULL. */
static void add(fd_engine *engine, const char *id, const char *prompt_id, const char *prompt,
                const char *response) {
    static float number = 0;
    float embedding[DIMENSION];
    for (size_t j = 0; j < DIMENSION; j++)
        embedding[j] = sinf(number += 1);
    fd_item_row row = {.id = id,
                       .prompt_id = prompt_id,
                       .prompt = prompt,
                       .response = response,
                       .embedding = embedding,
                       .dimension = DIMENSION};
    fd_added added;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_items_add(engine, &row, 1, &added, &fault), 0);
}

/* Five responses to each prompt: two that look the same, one without a text, an empty one and one
 * more. Ids end with the kind. 10 pairs a prompt: 4 without a text, 1 of equal texts. */
enum { INCOMPARABLE = 5, COMPARABLE = 5 };

static void add_mixed(fd_engine *engine, size_t prompts) {
    for (size_t p = 0; p < prompts; p++) {
        static const char kinds[] = "scne1";
        const char *const texts[] = {"same", "same \n", NULL, "", "one more"};
        for (size_t k = 0; k < FD_LENGTH(texts); k++) {
            char prompt[32], id[48];
            (void)snprintf(prompt, sizeof(prompt), "p%zu", p);
            (void)snprintf(id, sizeof(id), "p%zu-%c", p, kinds[k]);
            add(engine, id, prompt, "Why?", texts[k]);
        }
    }
}

static bool is_comparable(const char *a, const char *b) {
    char one = a[strlen(a) - 1], other = b[strlen(b) - 1];
    return one != 'n' && other != 'n' && !(strchr("sc", one) && strchr("sc", other));
}

/* Asks for pairs and answers them until none is left; returns how many there were. */
static size_t answer_all(struct world *world, size_t *ret_control) {
    size_t count = 0;
    *ret_control = 0;
    for (fixture_hand hand; ask_for(world, "anna", 1, &hand) > 0;) {
        const fixture_given *given = &hand.given[0];
        if (!is_comparable(given->a, given->b))
            fail_msg("%s was paired with %s", given->a, given->b);
        *ret_control += given->control;
        answer(world, count++, "anna", given, FD_PREFER_A);
    }
    return count;
}

static void neither_arm_assigns_what_people_cannot_compare(void **state) {
    (void)state;
    static const char *const strategies[] = {"i-opt", "entropy", "maxdiff", "random"};
    for (size_t all = 0; all < 2; all++)
        for (size_t s = 0; s < FD_LENGTH(strategies); s++) {
            FD_CLEANUP(world_clear) struct world world;
            size_t control;
            world_prepare(&world);
            world.options.control_fraction = 0.4;
            world.options.strategy = strategies[s];
            if (all)
                world.options.candidates.per_pair = 0;
            world_open(&world);
            add_mixed(world.engine, 20);
            fixture_wait_ready(world.engine, 1, 1);
            size_t count = answer_all(&world, &control);
            assert_true(control > 0);
            /* Of two copies, a pool of all pairs has one: the others ask the same. */
            assert_in_range(count, all ? 20 * 3 : 20 * COMPARABLE, 20 * COMPARABLE);
        }
}

static void a_quick_choice_passes_by_what_people_cannot_compare(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    size_t control;
    world_prepare(&world);
    world.options.control_fraction = 0.4;
    world_open(&world);
    fd_engine_interrupt(world.engine); /* ends the refills */
    add_mixed(world.engine, 20);
    assert_int_equal(answer_all(&world, &control), 20 * COMPARABLE);
    assert_true(control > 0);
}

static void what_people_cannot_compare_is_known_again_after_a_restart(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    size_t control;
    world_prepare(&world);
    world_open(&world);
    add_mixed(world.engine, 6);
    world_reopen(&world);
    assert_int_equal(answer_all(&world, &control), 6 * COMPARABLE);
}

static void without_any_texts_every_pair_is_assigned(void **state) {
    (void)state;
    static const char *const nothing[] = {NULL, "", " \n"};
    for (size_t k = 0; k < FD_LENGTH(nothing); k++) {
        FD_CLEANUP(world_clear) struct world world;
        world_prepare(&world);
        world_open(&world);
        for (size_t r = 0; r < 4; r++)
            add(world.engine, fixture_item_id(0, r), "p0", "a prompt alone", nothing[k]);
        for (size_t i = 0; i < 6; i++) {
            fixture_given given = ask(&world, "anna");
            answer(&world, i, "anna", &given, FD_PREFER_A);
        }
        assert_false(is_left_for(&world, "anna"));
        assert_int_equal(fd_engine_nothing_left(world.engine), FD_NOTHING_BUT_ANSWERED);
        fd_stats stats = fixture_stats(world.engine);
        assert_int_equal(stats.incomparable.items_without_text, 0);
        assert_int_equal(stats.incomparable.pairs_of_equal_texts, 0);
        fd_stats_clear(&stats);
    }
}

static void pairs_that_lay_ready_go_when_the_first_text_comes(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options.control_fraction = 0.5;
    world_open(&world);
    for (size_t r = 0; r < 12; r++)
        add(world.engine, fixture_item_id(0, r), "p0", NULL, NULL);
    fixture_wait_ready(world.engine, 1, 1);
    add(world.engine, "x-one", "p1", NULL, "one");
    add(world.engine, "x-two", "p1", NULL, "two");
    fixture_given given = ask(&world, "anna");
    assert_int_equal(given.a[0], 'x');
    assert_int_equal(given.b[0], 'x');
    assert_false(is_left_for(&world, "bert"));
}

/* A lease from before the first text ends, and its pair does not come back. */
static void a_pair_without_texts_does_not_come_back(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world_open(&world);
    add(world.engine, "m-1", "p0", NULL, NULL);
    add(world.engine, "m-2", "p0", NULL, NULL);
    fixture_given given = ask(&world, "anna");
    add(world.engine, "x-one", "p1", NULL, "one");
    assert_int_equal(fd_engine_assignment_return(world.engine, given.id, "anna"), 0);
    assert_false(is_left_for(&world, "anna"));
    assert_false(is_left_for(&world, "bert"));
    assert_int_equal(fd_engine_nothing_left(world.engine), FD_NOTHING_COMPARABLE);
}

static void statistics_count_what_people_cannot_compare(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world_open(&world);
    add_mixed(world.engine, 7);
    for (size_t more = 0; more < 3; more++) {
        fd_stats stats = fixture_stats(world.engine);
        assert_int_equal(stats.incomparable.items_without_text, 7 + more);
        assert_int_equal(stats.incomparable.pairs_without_text,
                         7 * 4 + more * (more - 1) / 2 + more);
        assert_int_equal(stats.incomparable.pairs_of_equal_texts, 7 * 1);
        fd_stats_clear(&stats);
        if (more == 0)
            add(world.engine, "q-text", "q", NULL, "a text");
        add(world.engine, fixture_item_id(9, more), "q", NULL, NULL);
    }
}

static void without_a_comparable_pair_the_reason_says_so(void **state) {
    (void)state;
    static const fi_scope scopes[] = {FI_SCOPE_WITHIN, FI_SCOPE_ACROSS, FI_SCOPE_ANY};
    for (size_t s = 0; s < FD_LENGTH(scopes); s++) {
        FD_CLEANUP(world_clear) struct world world;
        world_prepare(&world);
        world.options.candidates.scope = scopes[s];
        world_open(&world);
        for (size_t p = 0; p < 3; p++) {
            const char *prompt = (const char *[]){"p0", "p1", "p2"}[p];
            add(world.engine, fixture_item_id(p, 0), prompt, "Why?", "the same");
            add(world.engine, fixture_item_id(p, 1), prompt, "Why?", p < 2 ? " the same" : NULL);
        }
        assert_false(is_left_for(&world, "anna"));
        assert_int_equal(fd_engine_nothing_left(world.engine), FD_NOTHING_COMPARABLE);
        add(world.engine, fixture_item_id(0, 2), "p0", "Why?", "another");
        assert_true(is_left_for(&world, "anna"));
    }
}

/* "Yes" to one question may be a better response than "Yes" to another. */
static void across_prompts_equal_responses_are_comparable_if_the_prompts_differ(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options.candidates.scope = FI_SCOPE_ACROSS;
    world_open(&world);
    add(world.engine, "a", "p0", "Is it late?", "Yes");
    add(world.engine, "b", "p1", "Is it early?", "Yes");
    add(world.engine, "c", "p2", "Is it early?", "Yes");
    for (size_t i = 0; i < 2; i++) {
        fixture_given given = ask(&world, "anna");
        assert_true(given.a[0] == 'a' || given.b[0] == 'a');
        answer(&world, i, "anna", &given, FD_PREFER_A);
    }
    assert_false(is_left_for(&world, "anna"));
}

/* ---- selections ---- */

static uint64_t count_candidates(fd_engine *engine, bool all, bool include) {
    fd_selection_request request = fixture_request(1, FI_SCOPE_WITHIN, 1);
    fd_selection_result result;
    fd_fault fault = {0};
    request.strategy = "random";
    request.generate.all = all;
    request.generate.include_incomparable = include;
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), 0);
    uint64_t candidates = result.candidates;
    fd_selection_result_clear(&result);
    return candidates;
}

static void a_selection_generates_comparable_pairs_unless_told_otherwise(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options.candidates.per_pair = 10000;
    world_open(&world);
    add_mixed(world.engine, 8);
    assert_int_equal(count_candidates(world.engine, false, false), 8 * COMPARABLE);
    assert_int_equal(count_candidates(world.engine, true, false), 8 * 3);
    for (size_t all = 0; all < 2; all++)
        assert_int_equal(count_candidates(world.engine, all, true),
                         8 * (COMPARABLE + INCOMPARABLE));

    fd_selection_request request = fixture_request(1, FI_SCOPE_WITHIN, 1);
    const fd_pair_reference listed = {{.id = "p0-s"}, {.id = "p0-c"}};
    fd_selection_result result;
    fd_fault fault = {0};
    request.pairs = &listed;
    request.n_pairs = 1;
    assert_int_equal(fd_engine_select(world.engine, &request, &result, &fault), 0);
    assert_int_equal(result.count, 1);
    fd_selection_result_clear(&result);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neither_arm_assigns_what_people_cannot_compare),
        cmocka_unit_test(a_quick_choice_passes_by_what_people_cannot_compare),
        cmocka_unit_test(what_people_cannot_compare_is_known_again_after_a_restart),
        cmocka_unit_test(without_any_texts_every_pair_is_assigned),
        cmocka_unit_test(pairs_that_lay_ready_go_when_the_first_text_comes),
        cmocka_unit_test(a_pair_without_texts_does_not_come_back),
        cmocka_unit_test(statistics_count_what_people_cannot_compare),
        cmocka_unit_test(without_a_comparable_pair_the_reason_says_so),
        cmocka_unit_test(across_prompts_equal_responses_are_comparable_if_the_prompts_differ),
        cmocka_unit_test(a_selection_generates_comparable_pairs_unless_told_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
