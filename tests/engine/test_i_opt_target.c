/* The target of i-opt: the sum of d d' over all pairs within prompts. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine_state.h"
#include "fixture.h"
#include "i_opt_target.h"
#include "items.h"
#include "macros.h"
#include "select.h"
#include "trainer.h"

FD_DEFINE_CLEANUP(fi_information, fi_information_free)

enum { WIDEST = 16 };

static fi_information *target_of(fd_engine *engine) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    fd_fault fault = {0};
    fi_information *target;
    bool complete;
    assert_int_equal(fd_engine_snapshot(engine, &snapshot, &fault), 0);
    assert_int_equal(fd_i_opt_target_find(engine, snapshot, &target, &complete), 0);
    assert_true(complete);
    return target;
}

static void assert_is_sum_within_prompts(fd_engine *engine) {
    FD_CLEANUP(fi_information_freep) fi_information *target = target_of(engine);
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_snapshot(engine, &snapshot, &fault), 0);
    size_t h = snapshot->features->width;
    assert_true(h <= WIDEST);
    double expected[WIDEST * WIDEST] = {0}, most = 0.0;
    for (size_t a = 0; a < snapshot->items; a++)
        for (size_t b = 0; b < a; b++) {
            if (engine->items.entries[a]->prompt != engine->items.entries[b]->prompt)
                continue;
            const float *x = fd_growing_matrix_row(snapshot->features, a);
            const float *y = fd_growing_matrix_row(snapshot->features, b);
            for (size_t i = 0; i < h; i++)
                for (size_t j = 0; j < h; j++)
                    expected[i * h + j] +=
                        ((double)x[i] - (double)y[i]) * ((double)x[j] - (double)y[j]);
        }
    for (size_t i = 0; i < h * h; i++)
        most = fmax(most, fabs(expected[i]));
    assert_true(most > 0.0);
    for (size_t i = 0; i < h * h; i++)
        assert_true(fabs(fi_information_matrix(target)[i] - expected[i]) < 1e-5 * most);
}

static void add_item(fd_engine *engine, size_t number, size_t prompt) {
    float embedding[DIMENSION];
    char id[32], prompt_id[32];
    for (size_t j = 0; j < DIMENSION; j++)
        embedding[j] = (float)sin((double)(number * DIMENSION + j));
    (void)snprintf(id, sizeof(id), "late-%zu", number);
    (void)snprintf(prompt_id, sizeof(prompt_id), "p%zu", prompt);
    fd_item_row row = {
        .id = id, .prompt_id = prompt_id, .embedding = embedding, .dimension = DIMENSION};
    fd_added added;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_items_add(engine, &row, 1, &added, &fault), 0);
}

static void train(fd_engine *engine, size_t labels) {
    for (size_t i = 0; i < labels; i++)
        assert_int_equal(fixture_label(engine, i, fixture_item_id(i % 8, 0),
                                       fixture_item_id(i % 8, 1 + i % 2),
                                       i % 3 ? FD_PREFER_A : FD_PREFER_B),
                         0);
    (void)fixture_train(engine);
}

static void the_target_grows_with_the_items(void **state) {
    (void)state;
    fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 8, 3);
    train(engine, 20);
    assert_is_sum_within_prompts(engine);
    /* Items of old prompts, of new prompts, and several before the next selection. */
    static const size_t prompts[] = {3, 3, 9, 9, 0, 20, 9, 7};
    for (size_t i = 0; i < FD_LENGTH(prompts); i++) {
        add_item(engine, i, prompts[i]);
        if (i % 3 != 1)
            assert_is_sum_within_prompts(engine);
    }
    assert_is_sum_within_prompts(engine);
    fd_engine_close(engine);
}

static void each_version_has_its_own_target_and_a_refit_shares_it(void **state) {
    (void)state;
    fd_engine_options options = fixture_options();
    options.refit = true;
    options.kind = FI_KIND_LINEAR;
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 8, 3);
    assert_is_sum_within_prompts(engine);
    train(engine, 20);
    assert_is_sum_within_prompts(engine);
    const fd_served_model *trained = fd_served_model_trained(engine->snapshot->served);
    const fi_information *kept = trained->target;
    assert_non_null(kept);
    assert_int_equal(
        fixture_label(engine, 99, fixture_item_id(0, 1), fixture_item_id(0, 2), FD_PREFER_A), 0);
    fd_engine_wait_refitted(engine);
    assert_true(engine->snapshot->served->trained == trained);
    assert_is_sum_within_prompts(engine);
    assert_true(trained->target == kept);
    fd_engine_close(engine);
}

static void no_selection_waits_for_the_target_of_many_items(void **state) {
    (void)state;
    fd_engine_options options = fixture_options();
    options.strategy = "greedy"; /* nothing prepares the target on its own */
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 2000, 3);
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    fi_information *target;
    bool complete;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_snapshot(engine, &snapshot, &fault), 0);
    assert_int_equal(fd_i_opt_target_find(engine, snapshot, &target, &complete), 0);
    assert_null(target);
    assert_false(complete);
    fd_selection_request request = fixture_request(6, FI_SCOPE_WITHIN, 7);
    request.strategy = "i-opt";
    fd_selection_result result;
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), 0);
    assert_int_equal(result.count, 6);
    fd_selection_result_clear(&result);
    while (!fd_i_opt_target_is_ready(snapshot)) /* in the background, as it was asked for */
        (void)usleep(1000);
    assert_is_sum_within_prompts(engine);
    add_item(engine, 0, 3);
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *larger = NULL;
    assert_int_equal(fd_engine_snapshot(engine, &larger, &fault), 0);
    assert_false(fd_i_opt_target_is_ready(larger));
    assert_int_equal(fd_i_opt_target_find(engine, larger, &target, &complete), 0);
    assert_non_null(target); /* that of the items before */
    assert_false(complete);
    fi_information_free(target);
    assert_int_equal(fd_i_opt_target_prepare(engine, larger), 0);
    assert_is_sum_within_prompts(engine);
    fd_engine_close(engine);
}

static void without_a_prompt_with_two_items_the_candidates_are_the_target(void **state) {
    (void)state;
    fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 30, 1);
    assert_null(target_of(engine));
    fd_selection_request request = fixture_request(6, FI_SCOPE_ACROSS, 7);
    request.strategy = "i-opt";
    fd_selection_result first, second;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_select(engine, &request, &first, &fault), 0);
    request.target = FD_I_OPT_TARGET_CANDIDATES;
    assert_int_equal(fd_engine_select(engine, &request, &second, &fault), 0);
    assert_int_equal(first.count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(first.pairs[i].index, second.pairs[i].index);
    fd_selection_result_clear(&first);
    fd_selection_result_clear(&second);
    fd_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_target_grows_with_the_items),
        cmocka_unit_test(each_version_has_its_own_target_and_a_refit_shares_it),
        cmocka_unit_test(no_selection_waits_for_the_target_of_many_items),
        cmocka_unit_test(without_a_prompt_with_two_items_the_candidates_are_the_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
