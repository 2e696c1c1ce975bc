#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "curve_groups.h"
#include "ranking_measures.h"
#include "results_csv.h"
#include "strategy_comparison.h"
#include "testbed.h"

/* ---- coins ---- */

static void the_answer_to_a_pair_is_the_same_from_both_sides(void **state) {
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

static void answers_follow_bradley_and_terry_at_the_noise(void **state) {
    (void)state;
    assert_true(fabs(share_preferred(0, 4) - 0.5) < 0.015);
    assert_true(fabs(share_preferred(2, 1) - 1 / (1 + exp(-2))) < 0.015);
    assert_true(fabs(share_preferred(2, 4) - 1 / (1 + exp(-0.5))) < 0.015);
    assert_true(fabs(share_preferred(-2, 4) - 1 / (1 + exp(0.5))) < 0.015);
}

static void another_annotator_of_a_pair_tosses_another_coin(void **state) {
    (void)state;
    static const double rewards[] = {0, 0};
    size_t different = 0;
    for (uint64_t seed = 0; seed < 1000; seed++)
        different +=
            fd_prefers_a(rewards, 1, seed, 0, 1, 0) != fd_prefers_a(rewards, 1, seed, 0, 1, 1);
    assert_in_range(different, 420, 580);
}

/* ---- data ---- */

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

static double mean_within_deviation(const fd_testbed *data, const double *rewards) {
    double deviations = 0;
    for (size_t k = 0; k < data->n_prompts; k++) {
        double mean = 0, squares = 0, n = (double)(data->first[k + 1] - data->first[k]);
        for (size_t m = data->first[k]; m < data->first[k + 1]; m++)
            mean += rewards[data->members[m]] / n;
        for (size_t m = data->first[k]; m < data->first[k + 1]; m++)
            squares += pow(rewards[data->members[m]] - mean, 2);
        deviations += sqrt(squares / n);
    }
    return deviations / (double)data->n_prompts;
}

static void the_teacher_is_centred_and_spreads_four_within_prompts(void **state) {
    (void)state;
    FD_CLEANUP(fd_testbed_clear) fd_testbed data = {0};
    assert_int_equal(fd_testbed_plane(&data), 0);
    const double *teacher = data.rewards[FD_REWARD_TEACHER];
    double mean = 0;
    for (size_t i = 0; i < data.n_items; i++)
        mean += teacher[i] / (double)data.n_items;
    assert_true(fabs(mean) < 1e-9);
    assert_true(fabs(mean_within_deviation(&data, teacher) - 4) < 1e-9);
    for (size_t i = 0; i < data.n_items; i++)
        assert_true(fabs(data.rewards[FD_REWARD_SUM][i] - teacher[i] -
                         data.rewards[FD_REWARD_JUDGE][i]) < 1e-9);
}

static void the_members_of_a_prompt_are_all_its_items(void **state) {
    (void)state;
    FD_CLEANUP(fd_testbed_clear) fd_testbed data = {0};
    assert_int_equal(fd_testbed_plane(&data), 0);
    assert_int_equal(data.first[0], 0);
    assert_int_equal(data.first[data.n_prompts], data.n_items);
    for (size_t k = 0; k < data.n_prompts; k++)
        for (size_t m = data.first[k]; m < data.first[k + 1]; m++)
            assert_int_equal(data.prompts[data.members[m]], k);
}

/* ---- measures ---- */

static fd_measures measures_of(const double golden[6], const double predicted[6], double noise) {
    uint32_t members[] = {0, 1, 2, 3, 4, 5};
    size_t first[] = {0, 3, 6};
    bool held_out[] = {true, false}; /* the second prompt does not count */
    fd_testbed data = {
        .n_items = 6, .n_prompts = 2, .members = members, .first = first, .held_out = held_out};
    fd_measures measures;
    assert_int_equal(fd_ranking_measures_of(&data, golden, predicted, noise, &measures), 0);
    return measures;
}

static const double golden[] = {3, 1, -1, 9, 9, 9};

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static void a_perfect_model_ranks_perfectly_and_is_as_unsure_as_the_truth(void **state) {
    (void)state;
    static const double predicted[] = {1.5, 0.5, -0.5, 0, 1, 2}; /* the golden ones at noise 2 */
    double near = sigmoid(1), far = sigmoid(2);
    fd_measures measures = measures_of(golden, predicted, 2);
    assert_true(fabs(measures.spearman - 1) < 1e-12);
    assert_true(fabs(measures.best_of_n - 3) < 1e-12);
    assert_true(fabs(measures.best_of_n_share - 1) < 1e-12);
    assert_true(fabs(measures.accuracy - (2 * near + far) / 3) < 1e-12);
    double entropy = -(2 * (near * log(near) + (1 - near) * log(1 - near)) + far * log(far) +
                       (1 - far) * log(1 - far)) /
                     3;
    assert_true(fabs(measures.log_loss - entropy) < 1e-12);
}

static void a_model_upside_down_takes_the_worst_for_the_best(void **state) {
    (void)state;
    static const double predicted[] = {-3, -1, 1, 0, 0, 0};
    fd_measures measures = measures_of(golden, predicted, 2);
    assert_true(fabs(measures.spearman + 1) < 1e-12);
    assert_true(fabs(measures.best_of_n + 1) < 1e-12);
    assert_true(fabs(measures.best_of_n_share + 1) < 1e-12);
    assert_true(measures.accuracy < 0.5);
}

static void a_model_that_says_nothing_is_worth_a_coin(void **state) {
    (void)state;
    static const double predicted[6] = {0};
    fd_measures measures = measures_of(golden, predicted, 2);
    assert_true(measures.spearman == 0);
    assert_true(fabs(measures.best_of_n_share) < 1e-12);
    assert_true(fabs(measures.accuracy - 0.5) < 1e-12);
    assert_true(fabs(measures.log_loss - log(2)) < 1e-12);
}

/* ---- contrasts ---- */

static const double labels[] = {100, 200, 300, 400};

static void labels_to_reach_a_level_lie_on_straight_lines(void **state) {
    (void)state;
    static const double curve[] = {0.1, 0.3, 0.2, 0.5};
    assert_true(fd_labels_to_reach(4, labels, curve, 0.05) == 100);
    assert_true(fabs(fd_labels_to_reach(4, labels, curve, 0.2) - 150) < 1e-9);
    assert_true(fabs(fd_labels_to_reach(4, labels, curve, 0.4) - (300 + 100 * 2.0 / 3)) < 1e-9);
    assert_true(isinf(fd_labels_to_reach(4, labels, curve, 0.6)));
}

static const double slow[][4] = {{0.1, 0.2, 0.3, 0.4}, {0.1, 0.2, 0.3, 0.4}, {0.1, 0.2, 0.3, 0.4}};
static const double fast[][4] = {{0.2, 0.4, 0.5, 0.5}, {0.2, 0.4, 0.5, 0.6}, {0.2, 0.4, 0.5, 0.7}};

static fd_strategy_comparison contrast_of(const double (*values)[4], const double (*base)[4],
                                          size_t n) {
    const double *rows[3], *base_rows[3];
    for (size_t i = 0; i < n; i++) {
        rows[i] = values[i];
        base_rows[i] = base[i];
    }
    fd_curves curves = {n, 4, labels, rows}, against = {n, 4, labels, base_rows};
    fd_strategy_comparison contrast;
    assert_int_equal(fd_compare_strategies(&curves, &against, &contrast), 0);
    return contrast;
}

static void a_curve_that_is_twice_as_fast_saves_half_the_labels(void **state) {
    (void)state;
    fd_strategy_comparison contrast = contrast_of(fast, slow, 3);
    assert_true(fabs(contrast.saving.value - 2) < 1e-9);
    assert_true(fabs(contrast.saving.low - 2) < 1e-9);
    assert_true(fabs(contrast.saving.high - 2) < 1e-9);
    assert_true(fabs(contrast.area.value - (0.1 + 0.2 + 0.2 + 0.2) / 4) < 1e-9);
}

static void the_interval_is_that_of_means_of_resampled_seeds(void **state) {
    (void)state;
    fd_strategy_comparison contrast = contrast_of(fast, slow, 3);
    /* The last values differ by 0.1, 0.2 and 0.3; all three times the same one has 1 in 27. */
    assert_true(fabs(contrast.area.low - (0.1 + 0.2 + 0.2 + 0.1) / 4) < 1e-9);
    assert_true(fabs(contrast.area.high - (0.1 + 0.2 + 0.2 + 0.3) / 4) < 1e-9);
}

static void seeds_are_compared_in_pairs(void **state) {
    (void)state;
    static const double one[][4] = {{0, 0, 0, 0.1}, {0, 0, 0, 0.9}, {0, 0, 0, 0.5}};
    static const double other[][4] = {{0, 0, 0, 0.2}, {0, 0, 0, 1.0}, {0, 0, 0, 0.6}};
    fd_strategy_comparison contrast = contrast_of(one, other, 3);
    assert_true(fabs(contrast.area.low + 0.025) < 1e-9);
    assert_true(fabs(contrast.area.high + 0.025) < 1e-9);
}

static void a_level_that_is_never_reached_saves_nothing(void **state) {
    (void)state;
    fd_strategy_comparison contrast = contrast_of(slow, fast, 3);
    assert_true(contrast.saving.value == 0);
    assert_true(contrast.area.value < 0);
}

static void one_seed_has_no_interval(void **state) {
    (void)state;
    fd_strategy_comparison contrast = contrast_of(fast, slow, 1);
    assert_true(fabs(contrast.saving.value - 2) < 1e-9);
    assert_true(isnan(contrast.area.low) && isnan(contrast.area.high));
    assert_true(isnan(contrast.saving.low) && isnan(contrast.saving.high));
}

/* ---- the file ---- */

static char path[] = "/tmp/fisherd-simulate-XXXXXX";
static FILE *file;

static int open_file(void **state) {
    (void)state;
    (void)strcpy(path + strlen(path) - 6, "XXXXXX");
    int descriptor = mkstemp(path);
    file = fdopen(descriptor, "w");
    return file ? 0 : -1;
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

/* Rows of a run of three rounds. */
static void print_rows(const char *strategy, unsigned seed, unsigned first, unsigned last) {
    char key[256];
    (void)snprintf(key, sizeof(key),
                   ",plane,judge,any,10,64,3,0,0,all,4,1,0,0,yes,random,x=1;y=2,%s,%u", strategy,
                   seed);
    for (unsigned i = first; i <= last; i++) {
        fd_round round = {.round = i, .labels = 10 * (uint64_t)i, .measures.spearman = 0.1 * i};
        fd_results_print_round(file, key, &round);
    }
}

static void read_file(fd_results *csv) {
    fd_fault fault = {0};
    assert_int_equal(fclose(file), 0);
    assert_int_equal(fd_results_read(path, csv, &fault), 0);
}

static bool has(const fd_results *csv, const char *strategy, unsigned seed) {
    char key[256];
    (void)snprintf(key, sizeof(key),
                   ",plane,judge,any,10,64,3,0,0,all,4,1,0,0,yes,random,x=1;y=2,%s,%u", strategy,
                   seed);
    return fd_results_has(csv, key);
}

static void runs_that_did_not_end_are_dropped_and_the_others_kept(void **state) {
    (void)state;
    FD_CLEANUP(fd_results_clear) fd_results csv = {0};
    FD_CLEANUP(fd_results_clear) fd_results again = {0};
    fd_fault fault = {0};
    fd_results_print_header(file);
    print_rows("random", 1, 1, 1);
    print_rows("random", 2, 1, 2); /* did not end */
    print_rows("random", 1, 2, 3); /* two runs at a time take turns */
    print_rows("greedy", 1, 2, 3); /* has no beginning */
    print_rows("greedy", 12, 1, 3);
    (void)fputs(",plane,judge,any,10,64,3,0", file); /* cut off */
    read_file(&csv);
    assert_int_equal(csv.count, 6);
    assert_int_equal(csv.dropped, 5);
    assert_true(has(&csv, "random", 1));
    assert_false(has(&csv, "random", 2));
    assert_false(has(&csv, "greedy", 1));
    assert_true(has(&csv, "greedy", 12));

    assert_int_equal(fd_results_rewrite(path, &csv, &fault), 0);
    assert_int_equal(fd_results_read(path, &again, &fault), 0);
    assert_int_equal(again.count, 6);
    assert_int_equal(again.dropped, 0);
}

static void rounds_that_are_there_twice_make_no_complete_run(void **state) {
    (void)state;
    FD_CLEANUP(fd_results_clear) fd_results csv = {0};
    fd_results_print_header(file);
    print_rows("random", 1, 1, 3);
    print_rows("random", 1, 1, 3);
    print_rows("greedy", 1, 1, 2); /* as many rows as rounds, but one is there twice */
    print_rows("greedy", 1, 2, 2);
    read_file(&csv);
    assert_int_equal(csv.count, 0);
    assert_int_equal(csv.dropped, 9);
}

static void a_file_with_other_columns_is_refused(void **state) {
    (void)state;
    fd_results csv = {0};
    fd_fault fault = {0};
    (void)fputs("a,b\n1,2\n", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(fd_results_read(path, &csv, &fault), -EINVAL);
    assert_non_null(strstr(fault.detail, path));
}

static void rows_are_grouped_by_settings_strategies_and_seeds(void **state) {
    (void)state;
    FD_CLEANUP(fd_results_clear) fd_results csv = {0};
    FD_CLEANUP(fd_curve_groups_clear) fd_curve_groups groups = {0};
    fd_results_print_header(file);
    print_rows("random", 1, 1, 3);
    print_rows("greedy", 2, 1, 3);
    print_rows("random", 2, 1, 3);
    read_file(&csv);
    assert_int_equal(fd_curve_groups_of(&csv, &groups), 0);
    assert_int_equal(groups.count, 1);
    assert_int_equal(groups.groups[0].n_arms, 2);
    const fd_arm *arm = fd_curve_group_find(&groups.groups[0], "random");
    assert_non_null(arm);
    assert_int_equal(arm->n_runs, 2);
    assert_true(fabs(arm->values[1][2] - 0.3) < 1e-9);
    assert_true(groups.groups[0].labels[2] == 30);
    assert_null(fd_curve_group_find(&groups.groups[0], "entropy"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_to_a_pair_is_the_same_from_both_sides),
        cmocka_unit_test(answers_follow_bradley_and_terry_at_the_noise),
        cmocka_unit_test(another_annotator_of_a_pair_tosses_another_coin),
        cmocka_unit_test(three_prompts_in_ten_are_held_out_by_their_ids_alone),
        cmocka_unit_test(the_teacher_is_centred_and_spreads_four_within_prompts),
        cmocka_unit_test(the_members_of_a_prompt_are_all_its_items),
        cmocka_unit_test(a_perfect_model_ranks_perfectly_and_is_as_unsure_as_the_truth),
        cmocka_unit_test(a_model_upside_down_takes_the_worst_for_the_best),
        cmocka_unit_test(a_model_that_says_nothing_is_worth_a_coin),
        cmocka_unit_test(labels_to_reach_a_level_lie_on_straight_lines),
        cmocka_unit_test(a_curve_that_is_twice_as_fast_saves_half_the_labels),
        cmocka_unit_test(the_interval_is_that_of_means_of_resampled_seeds),
        cmocka_unit_test(seeds_are_compared_in_pairs),
        cmocka_unit_test(a_level_that_is_never_reached_saves_nothing),
        cmocka_unit_test(one_seed_has_no_interval),
        cmocka_unit_test_setup_teardown(runs_that_did_not_end_are_dropped_and_the_others_kept,
                                        open_file, remove_file),
        cmocka_unit_test_setup_teardown(rounds_that_are_there_twice_make_no_complete_run, open_file,
                                        remove_file),
        cmocka_unit_test_setup_teardown(a_file_with_other_columns_is_refused, open_file,
                                        remove_file),
        cmocka_unit_test_setup_teardown(rows_are_grouped_by_settings_strategies_and_seeds,
                                        open_file, remove_file),
    };
    return cmocka_run_group_tests_name("simulate", tests, NULL, NULL);
}
