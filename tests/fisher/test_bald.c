/* Tests of the strategy `bald`: its information, its order and its limits. */
#include "bald.h"
#include "problems.h"

#include <errno.h>

enum { ITEMS = 40, WIDTH = 6, PAIRS = 150 };

static double entropy_of_logit(double x) {
    double e = exp(-fabs(x));
    return log1p(e) + fabs(x) * e / (1.0 + e);
}

static double entropy_of_probability(double p) {
    return -p * log(p) - (1.0 - p) * log1p(-p);
}

/* log 2 exp(-z^2 / (pi log 2)), near h(Phi(z)) */
static double bell(double z) {
    return log(2.0) * exp(-z * z / (3.141592653589793 * log(2.0)));
}

/* The mean over N(mean, deviation^2) by the trapezoid rule. */
static double mean_over(double mean, double deviation, double (*of)(double)) {
    double sum = 0.0, total = 0.0;
    for (double z = -10.0; z <= 10.0; z += 0.005) {
        sum += exp(-z * z / 2.0) * of(mean + deviation * z);
        total += exp(-z * z / 2.0);
    }
    return sum / total;
}

static double integrated(double mean, double deviation) {
    return entropy_of_probability(mean_over(mean, deviation, fi_probability)) -
           mean_over(mean, deviation, entropy_of_logit);
}

/* Both entropies by their approximation, the second one by numerical integration. */
static double by_bells(double mean, double deviation) {
    double scale = sqrt(3.141592653589793 / 8.0);
    double m = scale * mean, t = scale * deviation;
    return bell(m / sqrt(1.0 + t * t)) - mean_over(m, t, bell);
}

static void the_information_is_the_closed_form_of_its_approximation(void **state) {
    (void)state;
    for (double mean = -6.0; mean <= 6.0; mean += 1.5)
        for (double deviation = 0.1; deviation < 30.0; deviation *= 2.0)
            assert_close(fi_bald(mean, deviation * deviation), by_bells(mean, deviation), 1e-10);
}

static void the_information_is_near_that_of_numerical_integration(void **state) {
    (void)state;
    for (double mean = 0.0; mean <= 10.0; mean += 0.5) {
        for (double deviation = 0.1; deviation < 13.0; deviation *= 1.5) {
            double error = fi_bald(mean, deviation * deviation) - integrated(mean, deviation);
            assert_true(error < 0.025 && error > -0.0006);
        }
    }
}

static void a_narrow_posterior_leaves_about_half_of_v_times_the_leverage(void **state) {
    (void)state;
    const double leverage = 1e-4;
    assert_close(fi_bald(0.0, leverage) / leverage, 0.125, 1e-4);
    assert_close(fi_bald(0.0, 1e-20) / 1e-20, 0.125, 1e-9);
    for (double mean = 0.0; mean <= 4.0; mean += 0.25) {
        double ratio = fi_bald(mean, leverage) / (0.5 * fi_weight(mean) * leverage);
        assert_true(ratio > 0.999 && ratio < 1.41);
    }
}

static void the_information_is_between_none_and_log_2_whatever_the_numbers(void **state) {
    (void)state;
    static const double numbers[] = {0.0, 1e-300, 1.0, 1e8, 1e200, INFINITY, NAN};
    for (size_t i = 0; i < FD_LENGTH(numbers); i++) {
        assert_true(fi_bald(numbers[i], 0.0) == 0.0);
        for (size_t j = 0; j < FD_LENGTH(numbers); j++) {
            double information = fi_bald(numbers[i], numbers[j]);
            assert_true(information >= 0.0 && information <= log(2.0));
            assert_true(information == fi_bald(-numbers[i], numbers[j]));
        }
    }
    assert_close(fi_bald(0.0, 1e12), log(2.0), 1e-5);
}

/* Compares the batch with a plain sort by a key. */
static void check_top(const fi_selection *got, size_t n, const double *keys) {
    for (size_t i = 0; i < got->count; i++) {
        size_t better = 0;
        for (size_t j = 0; j < n; j++)
            better += keys[j] > keys[got->pairs[i]] * (1.0 + 1e-5);
        assert_true(better <= i);
        for (size_t j = 0; j < i; j++)
            assert_true(got->pairs[i] != got->pairs[j]);
    }
}

static void bald_takes_the_pairs_with_the_most_information_under_the_posterior(void **state) {
    (void)state;
    problem made = problem_new(1, ITEMS, WIDTH, PAIRS, 3.0f, 1.5f);
    problem answered = problem_new(2, ITEMS, WIDTH, 30, 3.0f, 1.5f);
    fi_information *past = information_of(&answered.candidates);
    for (double prior = 0.01; prior < 1000.0; prior *= 100.0) {
        double *matrix = plain_design(WIDTH, past, prior);
        double inverse[WIDTH * WIDTH], keys[PAIRS];
        plain_invert(WIDTH, matrix, inverse);
        for (size_t i = 0; i < PAIRS; i++)
            keys[i] = by_bells(problem_logit(&made.candidates, i),
                               sqrt(plain_leverage(&made.candidates, i, inverse)));
        for (size_t k = 1; k <= PAIRS; k += 149) {
            fi_selection got = selected(&made.candidates, past, "bald", k, prior, 0);
            check_top(&got, PAIRS, keys);
            fi_selection_clear(&got);
        }
        free(matrix);
    }
    fi_information_free(past);
    problem_free(&answered);
    problem_free(&made);
}

static void
a_model_that_is_sure_of_every_answer_gets_the_pairs_with_the_most_leverage(void **state) {
    (void)state;
    problem made = problem_new(3, ITEMS, WIDTH, PAIRS, 0.0f, 0.0f);
    for (size_t i = 0; i < ITEMS; i++)
        made.rewards[i] = 1000.0f * (float)i;
    double keys[PAIRS];
    double *inverse = plain_design(WIDTH, NULL, 1.0);
    for (size_t i = 0; i < PAIRS; i++)
        keys[i] = plain_leverage(&made.candidates, i, inverse);
    fi_selection got = selected(&made.candidates, NULL, "bald", 20, 1.0, 0);
    check_top(&got, PAIRS, keys);
    fi_selection_clear(&got);
    free(inverse);
    problem_free(&made);
}

static void bald_takes_all_candidates_even_if_they_tell_nothing(void **state) {
    (void)state;
    problem made = problem_new(4, ITEMS, WIDTH, PAIRS, 0.0f, 0.0f);
    memset(made.features, 0, ITEMS * WIDTH * sizeof(float));
    fi_selection got = selected(&made.candidates, NULL, "bald", PAIRS, 1.0, 0);
    for (size_t i = 0; i < PAIRS; i++)
        assert_int_equal(got.pairs[i], i);
    fi_selection_clear(&got);
    problem_free(&made);
}

static void bald_keeps_the_limit_of_an_item_and_skips_to_the_next_best(void **state) {
    (void)state;
    problem made = problem_new(5, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    fi_selection_options options = {
        .strategy = fi_strategy_find("bald"),
        .batch_size = 30,
        .prior_precision = 1.0,
        .max_per_item = 1,
    };
    fi_selection got;
    assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), 0);
    bool used[ITEMS] = {false};
    assert_true(got.count > 1 && got.count <= ITEMS / 2);
    for (size_t i = 0; i < got.count; i++) {
        assert_true(!used[got.items[i].a] && !used[got.items[i].b]);
        used[got.items[i].a] = used[got.items[i].b] = true;
    }
    fi_selection_clear(&got);
    problem_free(&made);
}

static bool never(void *context, double share) {
    (void)context;
    (void)share;
    return false;
}

static void bald_can_be_cancelled(void **state) {
    (void)state;
    problem made = problem_new(6, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    fi_selection_options options = {
        .strategy = fi_strategy_find("bald"),
        .batch_size = 5,
        .prior_precision = 1.0,
        .go_on = never,
    };
    fi_selection got;
    assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), -ECANCELED);
    problem_free(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_information_is_the_closed_form_of_its_approximation),
        cmocka_unit_test(the_information_is_near_that_of_numerical_integration),
        cmocka_unit_test(a_narrow_posterior_leaves_about_half_of_v_times_the_leverage),
        cmocka_unit_test(the_information_is_between_none_and_log_2_whatever_the_numbers),
        cmocka_unit_test(bald_takes_the_pairs_with_the_most_information_under_the_posterior),
        cmocka_unit_test(
            a_model_that_is_sure_of_every_answer_gets_the_pairs_with_the_most_leverage),
        cmocka_unit_test(bald_takes_all_candidates_even_if_they_tell_nothing),
        cmocka_unit_test(bald_keeps_the_limit_of_an_item_and_skips_to_the_next_best),
        cmocka_unit_test(bald_can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
