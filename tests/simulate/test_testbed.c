/* The data of a simulation: answers, held-out prompts, rewards and measures. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ranking_measures.h"
#include "simulated_answers.h"
#include "testbed.h"

/* ---- answers ---- */

static void a_pair_gets_the_same_answer_whichever_item_comes_first(void **state) {
    (void)state;
    static const double rewards[] = {0.3, -0.2, 1.5, 0};
    for (uint64_t seed = 0; seed < 50; seed++)
        for (uint32_t a = 0; a < 4; a++)
            for (uint32_t b = 0; b < a; b++)
                assert_int_not_equal(fd_prefers_a(rewards, 1, seed, a, b, 0),
                                     fd_prefers_a(rewards, 1, seed, b, a, 0));
}

static double share_preferred(double difference, double noise) {
    enum { TIMES = 20000 };
    const double rewards[] = {difference, 0};
    size_t count = 0;
    for (uint64_t i = 0; i < TIMES; i++)
        count += fd_prefers_a(rewards, noise, i, 0, 1, 0);
    return (double)count / TIMES;
}

static void answers_follow_bradley_and_terry_at_the_given_noise(void **state) {
    (void)state;
    assert_true(fabs(share_preferred(0, 4) - 0.5) < 0.015);
    assert_true(fabs(share_preferred(2, 1) - 1 / (1 + exp(-2))) < 0.015);
    assert_true(fabs(share_preferred(2, 4) - 1 / (1 + exp(-0.5))) < 0.015);
    assert_true(fabs(share_preferred(-2, 4) - 1 / (1 + exp(0.5))) < 0.015);
}

static void each_annotator_of_a_pair_tosses_a_coin_of_its_own(void **state) {
    (void)state;
    static const double rewards[] = {0, 0};
    size_t different = 0;
    for (uint64_t seed = 0; seed < 1000; seed++)
        different +=
            fd_prefers_a(rewards, 1, seed, 0, 1, 0) != fd_prefers_a(rewards, 1, seed, 0, 1, 1);
    assert_in_range(different, 420, 580);
}

/* ---- the testbed ---- */

enum { PROMPTS = 300 };

static size_t held_out_of(bool reversed, bool held_out[PROMPTS]) {
    char texts[PROMPTS][8];
    char *ids[PROMPTS];
    bool found[PROMPTS];
    size_t count = 0;
    for (size_t i = 0; i < PROMPTS; i++) {
        size_t number = reversed ? PROMPTS - 1 - i : i;
        (void)snprintf(texts[i], sizeof(texts[i]), "ae%03zu", number);
        ids[i] = texts[i];
    }
    assert_int_equal(fd_hold_out(PROMPTS, ids, found), 0);
    for (size_t i = 0; i < PROMPTS; i++) {
        held_out[reversed ? PROMPTS - 1 - i : i] = found[i];
        count += found[i];
    }
    return count;
}

static void three_prompts_in_ten_are_held_out_by_their_ids_alone(void **state) {
    (void)state;
    bool one[PROMPTS], other[PROMPTS];
    assert_int_equal(held_out_of(false, one), 90);
    assert_int_equal(held_out_of(true, other), 90);
    assert_memory_equal(one, other, sizeof(one));
    size_t early = 0;
    for (size_t i = 0; i < PROMPTS / 2; i++)
        early += one[i];
    assert_in_range(early, 30, 60);
}

static double mean_within_deviation(const fd_testbed *testbed, const double *rewards) {
    double deviations = 0;
    for (size_t k = 0; k < testbed->n_prompts; k++) {
        double mean = 0, squares = 0,
               n = (double)(testbed->prompt_start[k + 1] - testbed->prompt_start[k]);
        for (size_t m = testbed->prompt_start[k]; m < testbed->prompt_start[k + 1]; m++)
            mean += rewards[testbed->items_by_prompt[m]] / n;
        for (size_t m = testbed->prompt_start[k]; m < testbed->prompt_start[k + 1]; m++)
            squares += pow(rewards[testbed->items_by_prompt[m]] - mean, 2);
        deviations += sqrt(squares / n);
    }
    return deviations / (double)testbed->n_prompts;
}

static void the_teacher_is_centred_with_a_deviation_of_four_within_prompts(void **state) {
    (void)state;
    FD_CLEANUP(fd_testbed_clear) fd_testbed testbed = {0};
    assert_int_equal(fd_testbed_plane(&testbed), 0);
    const double *teacher = testbed.rewards[FD_REWARD_TEACHER];
    double mean = 0;
    for (size_t i = 0; i < testbed.n_items; i++)
        mean += teacher[i] / (double)testbed.n_items;
    assert_true(fabs(mean) < 1e-9);
    assert_true(fabs(mean_within_deviation(&testbed, teacher) - 4) < 1e-9);
    for (size_t i = 0; i < testbed.n_items; i++)
        assert_true(fabs(testbed.rewards[FD_REWARD_SUM][i] - teacher[i] -
                         testbed.rewards[FD_REWARD_JUDGE][i]) < 1e-9);
}

static void the_items_of_a_prompt_are_grouped_completely(void **state) {
    (void)state;
    FD_CLEANUP(fd_testbed_clear) fd_testbed testbed = {0};
    assert_int_equal(fd_testbed_plane(&testbed), 0);
    assert_int_equal(testbed.prompt_start[0], 0);
    assert_int_equal(testbed.prompt_start[testbed.n_prompts], testbed.n_items);
    for (size_t k = 0; k < testbed.n_prompts; k++)
        for (size_t m = testbed.prompt_start[k]; m < testbed.prompt_start[k + 1]; m++)
            assert_int_equal(testbed.prompts[testbed.items_by_prompt[m]], k);
}

/* ---- measures ---- */

static fd_ranking_measures measures_of(const double golden[6], const double predicted[6],
                                       double noise) {
    uint32_t items_by_prompt[] = {0, 1, 2, 3, 4, 5};
    size_t prompt_start[] = {0, 3, 6};
    bool held_out[] = {true, false}; /* the second prompt does not count */
    fd_testbed testbed = {.n_items = 6,
                          .n_prompts = 2,
                          .items_by_prompt = items_by_prompt,
                          .prompt_start = prompt_start,
                          .held_out = held_out};
    fd_ranking_measures measures;
    assert_int_equal(fd_measure_ranking(&testbed, golden, predicted, noise, &measures), 0);
    return measures;
}

static const double golden[] = {3, 1, -1, 9, 9, 9};

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static void a_perfect_model_ranks_perfectly_and_its_log_loss_is_the_entropy(void **state) {
    (void)state;
    static const double predicted[] = {1.5, 0.5, -0.5, 0, 1, 2}; /* the golden rewards at noise 2 */
    double near = sigmoid(1), far = sigmoid(2);
    fd_ranking_measures measures = measures_of(golden, predicted, 2);
    assert_true(fabs(measures.spearman - 1) < 1e-12);
    assert_true(fabs(measures.best_of_n - 3) < 1e-12);
    assert_true(fabs(measures.best_of_n_share - 1) < 1e-12);
    assert_true(fabs(measures.accuracy - (2 * near + far) / 3) < 1e-12);
    double entropy = -(2 * (near * log(near) + (1 - near) * log(1 - near)) + far * log(far) +
                       (1 - far) * log(1 - far)) /
                     3;
    assert_true(fabs(measures.log_loss - entropy) < 1e-12);
}

static void a_reversed_model_ranks_the_worst_item_first(void **state) {
    (void)state;
    static const double predicted[] = {-3, -1, 1, 0, 0, 0};
    fd_ranking_measures measures = measures_of(golden, predicted, 2);
    assert_true(fabs(measures.spearman + 1) < 1e-12);
    assert_true(fabs(measures.best_of_n + 1) < 1e-12);
    assert_true(fabs(measures.best_of_n_share + 1) < 1e-12);
    assert_true(measures.accuracy < 0.5);
}

static void a_constant_model_is_as_good_as_a_coin(void **state) {
    (void)state;
    static const double predicted[6] = {0};
    fd_ranking_measures measures = measures_of(golden, predicted, 2);
    assert_true(measures.spearman == 0);
    assert_true(fabs(measures.best_of_n_share) < 1e-12);
    assert_true(fabs(measures.accuracy - 0.5) < 1e-12);
    assert_true(fabs(measures.log_loss - log(2)) < 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_gets_the_same_answer_whichever_item_comes_first),
        cmocka_unit_test(answers_follow_bradley_and_terry_at_the_given_noise),
        cmocka_unit_test(each_annotator_of_a_pair_tosses_a_coin_of_its_own),
        cmocka_unit_test(three_prompts_in_ten_are_held_out_by_their_ids_alone),
        cmocka_unit_test(the_teacher_is_centred_with_a_deviation_of_four_within_prompts),
        cmocka_unit_test(the_items_of_a_prompt_are_grouped_completely),
        cmocka_unit_test(a_perfect_model_ranks_perfectly_and_its_log_loss_is_the_entropy),
        cmocka_unit_test(a_reversed_model_ranks_the_worst_item_first),
        cmocka_unit_test(a_constant_model_is_as_good_as_a_coin),
    };
    return cmocka_run_group_tests_name("testbed", tests, NULL, NULL);
}
