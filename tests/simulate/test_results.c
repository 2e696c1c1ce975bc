/* The results of a simulation: comparisons of strategies, and the CSV file. */
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
#include "paired_differences.h"
#include "results_csv.h"
#include "strategy_comparison.h"

/* ---- comparisons ---- */

static const double labels[] = {100, 200, 300, 400};

static void labels_to_reach_a_level_are_interpolated_linearly(void **state) {
    (void)state;
    static const double curve[] = {0.1, 0.3, 0.2, 0.5};
    assert_true(fd_labels_to_reach(4, labels, curve, 0.05) == 100);
    assert_true(fabs(fd_labels_to_reach(4, labels, curve, 0.2) - 150) < 1e-9);
    assert_true(fabs(fd_labels_to_reach(4, labels, curve, 0.4) - (300 + 100 * 2.0 / 3)) < 1e-9);
    assert_true(isinf(fd_labels_to_reach(4, labels, curve, 0.6)));
}

static const double slow[][4] = {{0.1, 0.2, 0.3, 0.4}, {0.1, 0.2, 0.3, 0.4}, {0.1, 0.2, 0.3, 0.4}};
static const double fast[][4] = {{0.2, 0.4, 0.5, 0.5}, {0.2, 0.4, 0.5, 0.6}, {0.2, 0.4, 0.5, 0.7}};

static fd_strategy_comparison compare(const double (*values)[4], const double (*base)[4],
                                      size_t n) {
    const double *rows[3], *base_rows[3];
    for (size_t i = 0; i < n; i++) {
        rows[i] = values[i];
        base_rows[i] = base[i];
    }
    fd_curves curves = {n, 4, labels, rows}, against = {n, 4, labels, base_rows};
    fd_strategy_comparison comparison;
    assert_int_equal(fd_compare_strategies(&curves, &against, &comparison), 0);
    return comparison;
}

static void a_curve_that_is_twice_as_fast_saves_half_the_labels(void **state) {
    (void)state;
    fd_strategy_comparison comparison = compare(fast, slow, 3);
    assert_true(fabs(comparison.saving.value - 2) < 1e-9);
    assert_true(fabs(comparison.saving.low - 2) < 1e-9);
    assert_true(fabs(comparison.saving.high - 2) < 1e-9);
    assert_true(fabs(comparison.area.value - (0.1 + 0.2 + 0.2 + 0.2) / 4) < 1e-9);
}

static void the_interval_covers_the_means_of_resampled_seeds(void **state) {
    (void)state;
    fd_strategy_comparison comparison = compare(fast, slow, 3);
    /* The last values differ by 0.1, 0.2 and 0.3. A resample has the same seed three times with a
     * probability of 1 in 27 for each, so the interval reaches these extremes. */
    assert_true(fabs(comparison.area.low - (0.1 + 0.2 + 0.2 + 0.1) / 4) < 1e-9);
    assert_true(fabs(comparison.area.high - (0.1 + 0.2 + 0.2 + 0.3) / 4) < 1e-9);
}

static void seeds_are_compared_in_pairs(void **state) {
    (void)state;
    static const double one[][4] = {{0, 0, 0, 0.1}, {0, 0, 0, 0.9}, {0, 0, 0, 0.5}};
    static const double other[][4] = {{0, 0, 0, 0.2}, {0, 0, 0, 1.0}, {0, 0, 0, 0.6}};
    fd_strategy_comparison comparison = compare(one, other, 3);
    assert_true(fabs(comparison.area.low + 0.025) < 1e-9);
    assert_true(fabs(comparison.area.high + 0.025) < 1e-9);
}

static void a_level_that_is_never_reached_saves_nothing(void **state) {
    (void)state;
    fd_strategy_comparison comparison = compare(slow, fast, 3);
    assert_true(comparison.saving.value == 0);
    assert_true(comparison.area.value < 0);
}

static void one_seed_has_no_interval(void **state) {
    (void)state;
    fd_strategy_comparison comparison = compare(fast, slow, 1);
    assert_true(fabs(comparison.saving.value - 2) < 1e-9);
    assert_true(isnan(comparison.area.low) && isnan(comparison.area.high));
    assert_true(isnan(comparison.saving.low) && isnan(comparison.saving.high));
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

/* The settings of a run of three rounds. */
#define KEY                                                                                        \
    ",plane,,judge,any,all,0.3,10,64,3,,train,0,0,all,honest,1,spread,0,1,0,0,yes,random,default," \
    "x=1;y=2,"

/* Rows of such a run. */
static void print_rows(const char *strategy, unsigned seed, unsigned first, unsigned last) {
    char key[256];
    (void)snprintf(key, sizeof(key), KEY "%s,0,%u", strategy, seed);
    for (unsigned i = first; i <= last; i++) {
        fd_round round = {.round = i, .labels = 10 * (uint64_t)i, .measures.spearman = 0.1 * i};
        fd_results_print_round(file, key, &round);
    }
}

static void read_file(fd_results *results) {
    fd_fault fault = {0};
    assert_int_equal(fclose(file), 0);
    assert_int_equal(fd_results_read(path, results, &fault), 0);
}

static bool has(const fd_results *results, const char *strategy, unsigned seed) {
    char key[256];
    (void)snprintf(key, sizeof(key), KEY "%s,0,%u", strategy, seed);
    return fd_results_has(results, key);
}

static void incomplete_runs_are_dropped_and_the_others_kept(void **state) {
    (void)state;
    FD_CLEANUP(fd_results_clear) fd_results results = {0};
    FD_CLEANUP(fd_results_clear) fd_results again = {0};
    fd_fault fault = {0};
    fd_results_print_header(file);
    print_rows("random", 1, 1, 1);
    print_rows("random", 2, 1, 2); /* incomplete */
    print_rows("random", 1, 2, 3); /* two runs at a time alternate */
    print_rows("greedy", 1, 2, 3); /* lacks its first round */
    print_rows("greedy", 12, 1, 3);
    (void)fputs(",plane,,judge,any,all,0.3,10", file); /* cut off */
    read_file(&results);
    assert_int_equal(results.count, 6);
    assert_int_equal(results.dropped, 5);
    assert_true(has(&results, "random", 1));
    assert_false(has(&results, "random", 2));
    assert_false(has(&results, "greedy", 1));
    assert_true(has(&results, "greedy", 12));

    assert_int_equal(fd_results_rewrite(path, &results, &fault), 0);
    assert_int_equal(fd_results_read(path, &again, &fault), 0);
    assert_int_equal(again.count, 6);
    assert_int_equal(again.dropped, 0);
}

static void a_run_with_repeated_rounds_is_incomplete(void **state) {
    (void)state;
    FD_CLEANUP(fd_results_clear) fd_results results = {0};
    fd_results_print_header(file);
    print_rows("random", 1, 1, 3);
    print_rows("random", 1, 1, 3);
    print_rows("greedy", 1, 1, 2); /* three rows, but round 2 twice */
    print_rows("greedy", 1, 2, 2);
    read_file(&results);
    assert_int_equal(results.count, 0);
    assert_int_equal(results.dropped, 9);
}

static void a_file_with_other_columns_is_refused(void **state) {
    (void)state;
    fd_results results = {0};
    fd_fault fault = {0};
    (void)fputs("a,b\n1,2\n", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(fd_results_read(path, &results, &fault), -EINVAL);
    assert_non_null(strstr(fault.detail, path));
}

static void rows_are_grouped_by_setting_strategy_and_seed(void **state) {
    (void)state;
    FD_CLEANUP(fd_results_clear) fd_results results = {0};
    FD_CLEANUP(fd_curve_groups_clear) fd_curve_groups groups = {0};
    fd_results_print_header(file);
    print_rows("random", 1, 1, 3);
    print_rows("greedy", 2, 1, 3);
    print_rows("random", 2, 1, 3);
    read_file(&results);
    assert_int_equal(fd_curve_groups_of(&results, &groups), 0);
    assert_int_equal(groups.count, 1);
    assert_int_equal(groups.groups[0].n_arms, 2);
    const fd_arm *arm = fd_curve_group_find(&groups.groups[0], "random");
    assert_non_null(arm);
    assert_int_equal(arm->n_runs, 2);
    assert_true(fabs(arm->values[1][2] - 0.3) < 1e-9);
    assert_true(groups.groups[0].labels[2] == 30);
    assert_null(fd_curve_group_find(&groups.groups[0], "entropy"));
}

/* ---- paired differences ---- */

static void the_interval_is_that_of_student_over_the_units(void **state) {
    (void)state;
    static const fd_paired_value values[] = {
        {"1", 0.5, 0.4}, {"2", 0.7, 0.4}, {"3", 0.6, 0.4}, {"4", NAN, 0.4}};
    fd_paired_difference found = fd_pair_differences(4, values);
    assert_int_equal(found.units, 3);
    assert_true(fabs(found.mean - 0.6) < 1e-12);
    assert_true(fabs(found.difference.value - 0.2) < 1e-12);
    double half = 4.303 * 0.1 / sqrt(3); /* the standard deviation of .1, .3, .2 is .1 */
    assert_true(fabs(found.difference.high - 0.2 - half) < 1e-9);
    assert_true(fabs(found.difference.low - 0.2 + half) < 1e-9);
}

static void seeds_of_a_unit_are_one_observation(void **state) {
    (void)state;
    static const fd_paired_value values[] = {
        {"1", 0.4, 0.4}, {"1", 0.6, 0.4}, {"2", 0.7, 0.4}, {"3", 0.6, 0.4}, {"3", 0.6, 0.4}};
    fd_paired_difference found = fd_pair_differences(5, values);
    assert_int_equal(found.units, 3);
    assert_true(fabs(found.difference.value - 0.2) < 1e-12);
    assert_true(fabs(found.difference.high - 0.2 - 4.303 * 0.1 / sqrt(3)) < 1e-9);
}

static void one_unit_has_a_difference_and_none_has_nothing(void **state) {
    (void)state;
    static const fd_paired_value values[] = {{"1", 0.5, 0.4}};
    fd_paired_difference one = fd_pair_differences(1, values);
    fd_paired_difference none = fd_pair_differences(0, values);
    assert_true(fabs(one.difference.value - 0.1) < 1e-12 && isnan(one.difference.low));
    assert_int_equal(none.units, 0);
    assert_true(isnan(none.mean) && isnan(none.difference.value));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_to_reach_a_level_are_interpolated_linearly),
        cmocka_unit_test(a_curve_that_is_twice_as_fast_saves_half_the_labels),
        cmocka_unit_test(the_interval_covers_the_means_of_resampled_seeds),
        cmocka_unit_test(seeds_are_compared_in_pairs),
        cmocka_unit_test(a_level_that_is_never_reached_saves_nothing),
        cmocka_unit_test(one_seed_has_no_interval),
        cmocka_unit_test(the_interval_is_that_of_student_over_the_units),
        cmocka_unit_test(seeds_of_a_unit_are_one_observation),
        cmocka_unit_test(one_unit_has_a_difference_and_none_has_nothing),
        cmocka_unit_test_setup_teardown(incomplete_runs_are_dropped_and_the_others_kept, open_file,
                                        remove_file),
        cmocka_unit_test_setup_teardown(a_run_with_repeated_rounds_is_incomplete, open_file,
                                        remove_file),
        cmocka_unit_test_setup_teardown(a_file_with_other_columns_is_refused, open_file,
                                        remove_file),
        cmocka_unit_test_setup_teardown(rows_are_grouped_by_setting_strategy_and_seed, open_file,
                                        remove_file),
    };
    return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
