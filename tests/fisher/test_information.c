/* Tests of the information of pairs against plain sums. */
#include "component_information.h"
#include "information.h"
#include "problems.h"

#include <errno.h>

static void a_weight_is_p_times_one_minus_p(void **state) {
    (void)state;
    for (double logit = -30.0; logit <= 30.0; logit += 0.37) {
        double p = fi_probability(logit);
        assert_close(p, 1.0 / (1.0 + exp(-logit)), 1e-15);
        assert_true(fabs(fi_weight(logit) - p * fi_probability(-logit)) <=
                    1e-15 * fi_weight(logit));
    }
    assert_true(fi_weight(0.0) == 0.25);
}

static void weights_and_probabilities_of_confident_models_are_finite(void **state) {
    (void)state;
    static const double logits[] = {-1e300, -5000.0, -800.0, -700.0, 700.0, 800.0, 5000.0, 1e300};
    for (size_t i = 0; i < FD_LENGTH(logits); i++) {
        assert_true(fi_weight(logits[i]) >= 0.0 && fi_weight(logits[i]) < 1e-300);
        assert_true(fi_probability(logits[i]) == (logits[i] > 0.0 ? 1.0 : 0.0) ||
                    fi_probability(logits[i]) < 1e-300);
    }
}

static void check_sum(const fi_candidates *from, const double *matrix, double tolerance) {
    size_t h = from->n_features;
    double *expected = problem_memory(h * h, sizeof(double));
    for (size_t i = 0; i < from->n_pairs; i++)
        plain_add(from, i, problem_weight(from, i), expected);
    for (size_t i = 0; i < h * h; i++)
        assert_close(matrix[i], expected[i], tolerance);
    for (size_t i = 0; i < h; i++)
        for (size_t j = 0; j < h; j++)
            assert_true(matrix[i * h + j] == matrix[j * h + i]);
    free(expected);
}

static void information_is_the_sum_over_pairs(void **state) {
    (void)state;
    /* Few pairs per item, many pairs per item, more rows than a block, one feature. */
    static const struct {
        size_t n_items, h, n_pairs;
    } sizes[] = {{40, 5, 7}, {20, 6, 300}, {700, 9, 1500}, {9, 1, 40}, {2, 3, 1}};
    for (size_t i = 0; i < FD_LENGTH(sizes); i++) {
        problem made = problem_new(i, sizes[i].n_items, sizes[i].h, sizes[i].n_pairs, 0.0f, 1.0f);
        fi_information *information = information_of(&made.candidates);
        assert_int_equal(fi_information_size(information), sizes[i].h);
        check_sum(&made.candidates, fi_information_matrix(information), 1e-12);
        fi_information_free(information);
        problem_free(&made);
    }
}

typedef int add_way(fi_information *, const fi_distinct_items *, const double *);

static void both_ways_of_adding_agree_under_a_large_common_offset(void **state) {
    (void)state;
    static add_way *const ways[] = {fi_information_add_differences, fi_information_add_laplacian};
    problem made = problem_new(3, 60, 8, 400, 4096.0f, 1.0f);
    fi_distinct_items *distinct = NULL;
    assert_int_equal(fi_distinct_items_new(&made.candidates, &distinct), 0);
    double *weights = problem_memory(400, sizeof(double));
    for (size_t i = 0; i < 400; i++)
        weights[i] = problem_weight(&made.candidates, i);
    for (size_t i = 0; i < FD_LENGTH(ways); i++) {
        fi_information *information = NULL;
        assert_int_equal(fi_information_new(8, &information), 0);
        assert_int_equal(ways[i](information, distinct, weights), 0);
        check_sum(&made.candidates, fi_information_matrix(information), 1e-11);
        fi_information_free(information);
    }
    free(weights);
    fi_distinct_items_free(distinct);
    problem_free(&made);
}

/* Pairs within groups of `of` items; some groups have a chain of pairs, some several pairs between
 * two items, some none, and an item may be paired with itself. */
static problem grouped_problem(uint64_t seed, size_t of, size_t n_pairs) {
    problem made = problem_new(seed, 12 * of, 9, n_pairs, 100.0f, 1.0f);
    fd_rng rng = fd_rng_seeded(seed);
    for (size_t i = 0; i < n_pairs; i++) {
        uint32_t first = (uint32_t)(fd_rng_below(&rng, 11) * of);
        uint32_t a = (uint32_t)fd_rng_below(&rng, of);
        uint32_t b = i % 3 ? (a + 1) % (uint32_t)of : (uint32_t)fd_rng_below(&rng, of);
        made.pairs[i] = (fi_pair){first + a, first + b};
    }
    return made;
}

static void small_components_give_the_sum_over_their_pairs(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 10, 64};
    for (size_t i = 0; i < FD_LENGTH(sizes); i++) {
        problem made = grouped_problem(i, sizes[i], 40 * sizes[i]);
        fi_distinct_items *distinct = NULL;
        fi_information *ways[2] = {NULL, NULL};
        double *weights = problem_memory(made.candidates.n_pairs, sizeof(double));
        assert_int_equal(fi_distinct_items_new(&made.candidates, &distinct), 0);
        for (int extremes = 0; extremes < 2; extremes++) {
            for (size_t j = 0; j < made.candidates.n_pairs; j++)
                weights[j] = !extremes    ? problem_weight(&made.candidates, j)
                             : j % 4 == 0 ? 0.0
                                          : pow(10.0, -(double)(j % 16));
            for (int way = 0; way < 2; way++)
                assert_int_equal(fi_information_new(9, &ways[way]), 0);
            assert_int_equal(fi_information_add_components(ways[0], distinct, weights), 0);
            assert_int_equal(fi_information_add_differences(ways[1], distinct, weights), 0);
            double trace = 0.0;
            for (size_t j = 0; j < 9; j++)
                trace += ways[1]->matrix[10 * j];
            for (size_t j = 0; j < 81; j++)
                assert_true(fabs(ways[0]->matrix[j] - ways[1]->matrix[j]) <= 1e-13 * trace);
            fi_information_free(ways[0]);
            fi_information_free(ways[1]);
        }
        free(weights);
        fi_distinct_items_free(distinct);
        problem_free(&made);
    }
}

static void a_large_component_is_left_to_the_other_ways(void **state) {
    (void)state;
    enum { ITEMS = 65 };
    problem made = problem_new(2, ITEMS, 3, ITEMS - 1, 0.0f, 1.0f);
    for (uint32_t i = 0; i + 1 < ITEMS; i++)
        made.pairs[i] = (fi_pair){i, i + 1};
    fi_distinct_items *distinct = NULL;
    fi_information *information = NULL;
    assert_int_equal(fi_distinct_items_new(&made.candidates, &distinct), 0);
    assert_int_equal(fi_information_new(3, &information), 0);
    assert_int_equal(fi_information_add_components(information, distinct, NULL), 1);
    for (size_t i = 0; i < 9; i++)
        assert_true(information->matrix[i] == 0.0);
    assert_int_equal(fi_information_add_weighted(information, distinct, NULL), 0);
    assert_true(information->matrix[0] > 0.0);
    fi_information_free(information);
    fi_distinct_items_free(distinct);
    problem_free(&made);
}

static void adding_twice_is_merging_and_copies_are_independent(void **state) {
    (void)state;
    problem made = problem_new(5, 30, 4, 50, 0.0f, 1.0f);
    fi_information *once = information_of(&made.candidates);
    fi_information *twice = NULL;
    assert_int_equal(fi_information_copy(once, &twice), 0);
    assert_int_equal(fi_information_add(twice, &made.candidates), 0);
    for (size_t i = 0; i < 16; i++)
        assert_close(fi_information_matrix(twice)[i], 2.0 * fi_information_matrix(once)[i], 1e-14);
    fi_information_merge(once, once);
    for (size_t i = 0; i < 16; i++)
        assert_close(fi_information_matrix(once)[i], fi_information_matrix(twice)[i], 1e-14);
    fi_information_free(once);
    fi_information_free(twice);
    problem_free(&made);
}

static void no_pairs_add_nothing(void **state) {
    (void)state;
    problem made = problem_new(5, 30, 4, 1, 0.0f, 1.0f);
    made.candidates.n_pairs = 0;
    fi_information *information = information_of(&made.candidates);
    for (size_t i = 0; i < 16; i++)
        assert_true(fi_information_matrix(information)[i] == 0.0);
    fi_information_free(information);
    problem_free(&made);
}

static void wrong_sizes_and_unknown_items_are_refused(void **state) {
    (void)state;
    problem made = problem_new(5, 30, 4, 10, 0.0f, 1.0f);
    fi_information *information = NULL;
    assert_int_equal(fi_information_new(5, &information), 0);
    assert_int_equal(fi_information_add(information, &made.candidates), -EINVAL);
    fi_information_free(information);
    assert_int_equal(fi_information_new(4, &information), 0);
    made.pairs[7].b = 30;
    assert_int_equal(fi_information_add(information, &made.candidates), -EINVAL);
    fi_information_free(information);
    problem_free(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_weight_is_p_times_one_minus_p),
        cmocka_unit_test(weights_and_probabilities_of_confident_models_are_finite),
        cmocka_unit_test(information_is_the_sum_over_pairs),
        cmocka_unit_test(both_ways_of_adding_agree_under_a_large_common_offset),
        cmocka_unit_test(small_components_give_the_sum_over_their_pairs),
        cmocka_unit_test(a_large_component_is_left_to_the_other_ways),
        cmocka_unit_test(adding_twice_is_merging_and_copies_are_independent),
        cmocka_unit_test(no_pairs_add_nothing),
        cmocka_unit_test(wrong_sizes_and_unknown_items_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
