/* Tests of the strategies `a-opt` and `i-opt` against plain inverses. */
#include "properties.h"

static const char *const names[] = {"a-opt", "i-opt"};

/* result = x y, all [h x h] */
static void multiply(size_t h, const double *x, const double *y, double *result) {
    for (size_t i = 0; i < h; i++)
        for (size_t j = 0; j < h; j++) {
            double sum = 0.0;
            for (size_t l = 0; l < h; l++)
                sum += x[i * h + l] * y[l * h + j];
            result[i * h + j] = sum;
        }
}

static double trace_of_product(size_t h, const double *x, const double *y) {
    double sum = 0.0;
    for (size_t i = 0; i < h; i++)
        for (size_t j = 0; j < h; j++)
            sum += x[i * h + j] * y[j * h + i];
    return sum;
}

/* The fall of trace(T M^-1) by one pair, computed from a second inverse. */
static double plain_fall(const fi_candidates *from, size_t pair, const double *target,
                         const double *matrix, const double *inverse) {
    size_t h = from->n_features;
    double *with = problem_memory(h * h, sizeof(double));
    double *after = problem_memory(h * h, sizeof(double));
    memcpy(with, matrix, h * h * sizeof(double));
    plain_add(from, pair, problem_weight(from, pair), with);
    plain_invert(h, with, after);
    double fall = trace_of_product(h, target, inverse) - trace_of_product(h, target, after);
    free(with);
    free(after);
    return fall;
}

static double plain_gain(const fi_candidates *from, size_t pair, const double *inverse,
                         const double *middle) {
    double weight = problem_weight(from, pair);
    return weight * plain_leverage(from, pair, middle) /
           (1.0 + weight * plain_leverage(from, pair, inverse));
}

/* Inverts M at every step, and checks that no other candidate has a larger fall than the pick. */
static void check_plain(const fi_candidates *from, const fi_information *past, double prior,
                        const double *target, const fi_selection *got) {
    size_t h = from->n_features;
    double *matrix = plain_design(h, past, prior);
    double *inverse = problem_memory(h * h, sizeof(double));
    double *half = problem_memory(h * h, sizeof(double));
    double *middle = problem_memory(h * h, sizeof(double)); /* M^-1 T M^-1 */
    bool *taken = problem_memory(from->n_pairs, sizeof(bool));
    for (size_t step = 0; step < got->count; step++) {
        plain_invert(h, matrix, inverse);
        multiply(h, inverse, target, half);
        multiply(h, half, inverse, middle);
        double best = -1.0, picked = plain_gain(from, got->pairs[step], inverse, middle);
        for (size_t i = 0; i < from->n_pairs; i++)
            best = taken[i] ? best : fmax(best, plain_gain(from, i, inverse, middle));
        assert_false(taken[got->pairs[step]]);
        if (!(picked >= best * (1.0 - 1e-5)))
            fail_msg("step %zu gains %.17g of %.17g", step, picked, best);
        if (step < 2)
            assert_close(plain_fall(from, got->pairs[step], target, matrix, inverse) / best, 1.0,
                         1e-5);
        taken[got->pairs[step]] = true;
        plain_add(from, got->pairs[step], problem_weight(from, got->pairs[step]), matrix);
    }
    free(taken);
    free(middle);
    free(half);
    free(inverse);
    free(matrix);
}

static size_t size_of_group(const fi_candidates *pairs, size_t pair) {
    fi_pair mine = pairs->pairs[pair];
    if (!pairs->groups || pairs->groups[mine.a] != pairs->groups[mine.b] ||
        pairs->groups[mine.a] == FI_NO_GROUP)
        return 1;
    size_t size = 0;
    for (size_t i = 0; i < pairs->n_pairs; i++)
        size += pairs->groups[pairs->pairs[i].a] == pairs->groups[mine.a] &&
                pairs->groups[pairs->pairs[i].b] == pairs->groups[mine.a];
    return size;
}

/* The sum of a d d' over pairs, each a divided by the number of those of its group. */
static double *weighted_sum(const fi_candidates *pairs, const fi_information *past, double prior) {
    size_t h = pairs->n_features;
    double *target = plain_design(h, NULL, 0.0);
    double *matrix = plain_design(h, past, prior);
    double *inverse = problem_memory(h * h, sizeof(double));
    plain_invert(h, matrix, inverse);
    for (size_t i = 0; i < pairs->n_pairs; i++) {
        double weight = problem_weight(pairs, i);
        double left = weight / (1.0 + weight * plain_leverage(pairs, i, inverse));
        plain_add(pairs, i, left / (double)size_of_group(pairs, i), target);
    }
    free(inverse);
    free(matrix);
    return target;
}

/* T: the identity for a-opt, the weighted sum over the candidates for i-opt. */
static double *target_of(const char *name, const fi_candidates *from, const fi_information *past,
                         double prior) {
    return strcmp(name, "a-opt") == 0 ? plain_design(from->n_features, NULL, 1.0)
                                      : weighted_sum(from, past, prior);
}

static void check_against_plain(uint64_t seed, size_t n_items, size_t h, size_t n_pairs, size_t k,
                                double prior, float offset) {
    problem made = problem_new(seed, n_items, h, n_pairs, offset, 1.0f);
    problem answered = problem_new(seed + 100, n_items, h, 30, offset, 1.0f);
    fi_information *past = seed % 2 ? information_of(&answered.candidates) : NULL;
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        double *target = target_of(names[i], &made.candidates, past, prior);
        fi_selection got = selected(&made.candidates, past, names[i], k, prior, 0);
        check_plain(&made.candidates, past, prior, target, &got);
        fi_selection_clear(&got);
        free(target);
    }
    fi_information_free(past);
    problem_free(&answered);
    problem_free(&made);
}

static void every_pick_has_the_largest_fall_of_the_trace(void **state) {
    (void)state;
    static const double priors[] = {1e-4, 1e-2, 1.0, 100.0};
    for (uint64_t seed = 0; seed < 6; seed++)
        for (size_t p = 0; p < FD_LENGTH(priors); p++)
            check_against_plain(seed, 60, 6, 150, 100, priors[p], seed < 4 ? 0.0f : 5.0f);
    check_against_plain(1, 50, 1, 80, 80, 1.0, 0.0f);
}

static void batches_that_are_long_enough_to_whiten_again_stay_exact(void **state) {
    (void)state;
    check_against_plain(2, 90, 5, 700, 600, 1.0, 0.0f);
    check_against_plain(3, 90, 5, 700, 600, 1e-3, 0.0f);
    for (uint64_t seed = 6; seed < 12; seed += 2)
        check_against_plain(seed, 60, 6, 150, 60, 1e-8, 0.0f);
    check_against_plain(4, 120, 32, 300, 120, 0.1, 0.0f);
}

static void i_opt_serves_the_pairs_of_its_targets(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        problem made = problem_new(30 + seed, 60, 6, 200, 0.0f, 1.0f);
        problem matter = problem_new(40 + seed, 10, 6, 5, 0.0f, 1.0f);
        double *target = weighted_sum(&matter.candidates, NULL, 1.0);
        fi_selection_options options = properties_options("i-opt", 40);
        options.targets = &matter.candidates;
        fi_selection got, plain = selected(&made.candidates, NULL, "i-opt", 40, 1.0, 0);
        assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), 0);
        check_plain(&made.candidates, NULL, 1.0, target, &got);
        assert_memory_not_equal(got.pairs, plain.pairs, 40 * sizeof(*got.pairs));
        fi_selection_clear(&plain);

        /* Twice the same targets, and each the other way round, make no difference. */
        fi_pair twice[10];
        for (size_t i = 0; i < 10; i++)
            twice[i] =
                i < 5 ? matter.pairs[i] : (fi_pair){matter.pairs[i - 5].b, matter.pairs[i - 5].a};
        matter.candidates.pairs = twice;
        matter.candidates.n_pairs = 10;
        fi_selection doubled;
        assert_int_equal(fi_select(&made.candidates, NULL, &options, &doubled), 0);
        assert_memory_equal(got.pairs, doubled.pairs, 40 * sizeof(*got.pairs));
        fi_selection_clear(&doubled);
        fi_selection_clear(&got);
        free(target);
        problem_free(&matter);
        problem_free(&made);
    }
}

/* One prompt with most of the candidates counts as much as each of the others. */
static void without_targets_each_group_counts_as_much(void **state) {
    (void)state;
    problem made = problem_new(50, 60, 6, 200, 0.0f, 1.0f);
    uint32_t groups[60];
    for (uint32_t i = 0; i < 60; i++)
        groups[i] = i < 40 ? 7 : i < 55 ? i / 5 : FI_NO_GROUP;
    made.candidates.groups = groups;
    double *target = weighted_sum(&made.candidates, NULL, 1.0);
    fi_selection got = selected(&made.candidates, NULL, "i-opt", 60, 1.0, 0);
    check_plain(&made.candidates, NULL, 1.0, target, &got);
    made.candidates.groups = NULL;
    fi_selection equal = selected(&made.candidates, NULL, "i-opt", 60, 1.0, 0);
    assert_memory_not_equal(got.pairs, equal.pairs, 60 * sizeof(*got.pairs));
    fi_selection_clear(&equal);
    fi_selection_clear(&got);
    free(target);
    problem_free(&made);
}

static void targets_that_do_not_fit_are_refused(void **state) {
    (void)state;
    problem made = problem_new(5, 20, 4, 30, 0.0f, 1.0f);
    problem wide = problem_new(5, 20, 5, 30, 0.0f, 1.0f);
    fi_selection_options options = properties_options("i-opt", 3);
    fi_selection got;
    options.targets = &wide.candidates;
    assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), -EINVAL);
    problem unknown = problem_new(5, 20, 4, 30, 0.0f, 1.0f);
    unknown.pairs[3].b = 20;
    options.targets = &unknown.candidates;
    assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), -EINVAL);
    problem_free(&unknown);
    problem_free(&wide);
    problem_free(&made);
}

/* Of a model that is sure of all targets, or of targets whose items are the same. */
static void targets_without_weight_or_length_choose_some_batch(void **state) {
    (void)state;
    for (int same = 0; same < 2; same++) {
        problem made = problem_new(5, 20, 4, 30, 0.0f, 1.0f);
        problem matter = problem_new(6, 20, 4, 30, 0.0f, 1.0f);
        for (uint32_t i = 0; i < 20; i++)
            matter.rewards[i] = 1000.0f * (float)i;
        for (size_t i = 0; same && i < 30; i++)
            matter.pairs[i].b = matter.pairs[i].a;
        fi_selection_options options = properties_options("i-opt", 30);
        options.targets = &matter.candidates;
        fi_selection got;
        assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), 0);
        assert_distinct(&got, 30);
        fi_selection_clear(&got);
        problem_free(&matter);
        problem_free(&made);
    }
}

static void equal_candidates_are_taken_in_order_of_their_index(void **state) {
    (void)state;
    problem made = problem_new(7, 10, 4, 30, 0.0f, 1.0f);
    for (size_t i = 0; i < 30; i++)
        made.pairs[i] = i % 2 ? (fi_pair){3, 8} : (fi_pair){8, 3};
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        fi_selection got = selected(&made.candidates, NULL, names[i], 30, 1.0, 0);
        for (size_t j = 0; j < 30; j++)
            assert_int_equal(got.pairs[j], j);
        fi_selection_clear(&got);
    }
    problem_free(&made);
}

/* Whenever the best pair is refused, the next best is taken: plain greedy over the open pairs. */
static void with_limits_the_best_open_pair_is_picked(void **state) {
    (void)state;
    enum { ITEMS = 40, WIDTH = 4, PAIRS = 150 };
    problem made = problem_new(8, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    fi_selection_options options = properties_options("a-opt", 15);
    options.max_per_item = 1;
    fi_selection got;
    assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), 0);
    double *matrix = plain_design(WIDTH, NULL, 1.0);
    double inverse[WIDTH * WIDTH], middle[WIDTH * WIDTH];
    bool used[ITEMS] = {false};
    for (size_t step = 0; step < got.count; step++) {
        plain_invert(WIDTH, matrix, inverse);
        multiply(WIDTH, inverse, inverse, middle);
        double best = 0.0;
        for (size_t i = 0; i < PAIRS; i++)
            if (!used[made.pairs[i].a] && !used[made.pairs[i].b])
                best = fmax(best, plain_gain(&made.candidates, i, inverse, middle));
        assert_close(plain_gain(&made.candidates, got.pairs[step], inverse, middle), best, 1e-6);
        used[got.items[step].a] = used[got.items[step].b] = true;
        plain_add(&made.candidates, got.pairs[step],
                  problem_weight(&made.candidates, got.pairs[step]), matrix);
    }
    free(matrix);
    fi_selection_clear(&got);
    problem_free(&made);
}

static void they_have_the_properties_of_every_strategy(void **state) {
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(names); i++)
        check_properties(names[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pick_has_the_largest_fall_of_the_trace),
        cmocka_unit_test(batches_that_are_long_enough_to_whiten_again_stay_exact),
        cmocka_unit_test(i_opt_serves_the_pairs_of_its_targets),
        cmocka_unit_test(without_targets_each_group_counts_as_much),
        cmocka_unit_test(targets_that_do_not_fit_are_refused),
        cmocka_unit_test(targets_without_weight_or_length_choose_some_batch),
        cmocka_unit_test(equal_candidates_are_taken_in_order_of_their_index),
        cmocka_unit_test(with_limits_the_best_open_pair_is_picked),
        cmocka_unit_test(they_have_the_properties_of_every_strategy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
