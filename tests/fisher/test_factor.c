/* Tests of the Cholesky factor of a design matrix, and of leverages. */
#include "factor.h"
#include "information.h"
#include "problems.h"

#include <errno.h>

static void logdet_and_leverages_are_those_of_the_matrix(void **state) {
    (void)state;
    static const size_t widths[] = {1, 2, 7, 33};
    for (size_t w = 0; w < FD_LENGTH(widths); w++) {
        size_t h = widths[w];
        problem made = problem_new(w, 50, h, 300, 10.0f, 1.0f);
        fi_information *information = information_of(&made.candidates);
        fi_factor *factor = NULL;
        assert_int_equal(fi_factor_new(information, 0.5, &factor), 0);
        double *matrix = plain_design(h, information, 0.5);
        double *inverse = problem_memory(h * h, sizeof(double));
        assert_close(fi_factor_logdet(factor), plain_invert(h, matrix, inverse), 1e-11);

        double *leverages = problem_memory(300, sizeof(double));
        double *difference = problem_memory(h, sizeof(double));
        assert_int_equal(fi_factor_leverages(factor, &made.candidates, leverages), 0);
        double largest = 0.0;
        for (size_t i = 0; i < 300; i++)
            largest = fmax(largest, plain_leverage(&made.candidates, i, inverse));
        for (size_t i = 0; i < 300; i++) {
            double expected = plain_leverage(&made.candidates, i, inverse);
            problem_difference(&made.candidates, i, difference);
            assert_true(fabs(leverages[i] - expected) <= 1e-6 * (expected + largest));
            assert_close(fi_factor_leverage(factor, difference) / expected, 1.0, 1e-11);
        }
        free(difference);
        free(leverages);
        free(inverse);
        free(matrix);
        fi_factor_free(factor);
        fi_information_free(information);
        problem_free(&made);
    }
}

static void the_upper_factor_times_itself_is_the_matrix(void **state) {
    (void)state;
    enum { H = 7 };
    problem made = problem_new(3, 50, H, 100, 10.0f, 1.0f);
    fi_information *information = information_of(&made.candidates);
    fi_factor *factor = NULL;
    assert_int_equal(fi_factor_new(information, 0.5, &factor), 0);
    double *matrix = plain_design(H, information, 0.5);
    const double *upper = fi_factor_upper(factor);
    for (size_t i = 0; i < H; i++)
        for (size_t j = 0; j < H; j++) {
            double sum = 0.0;
            for (size_t k = 0; k < H; k++)
                sum += upper[k * H + i] * upper[k * H + j];
            assert_close(sum, matrix[i * H + j], 1e-9);
            assert_true(j >= i || upper[i * H + j] == 0.0);
        }
    free(matrix);
    fi_factor_free(factor);
    fi_information_free(information);
    problem_free(&made);
}

static void leverages_stay_right_when_the_matrix_is_ill_conditioned(void **state) {
    (void)state;
    enum { H = 12, PAIRS = 200 };
    problem made = problem_new(8, 60, H, PAIRS, 0.0f, 1.0f);
    for (size_t i = 0; i < 60; i++)
        for (size_t j = 0; j < H; j++)
            made.features[i * H + j] *= (float)pow(0.2, (double)j);
    /* Mixed, so that large scales hide small ones. */
    for (size_t i = 0; i < 60; i++)
        for (size_t j = 1; j < H; j++)
            made.features[i * H + j] += 0.7f * made.features[i * H + j - 1];
    fi_information *information = information_of(&made.candidates);
    fi_factor *factor = NULL;
    assert_int_equal(fi_factor_new(information, 1e-6, &factor), 0);
    double leverages[PAIRS];
    double difference[H];
    assert_int_equal(fi_factor_leverages(factor, &made.candidates, leverages), 0);
    for (size_t i = 0; i < PAIRS; i++) {
        problem_difference(&made.candidates, i, difference);
        assert_close(leverages[i] / fi_factor_leverage(factor, difference), 1.0, 1e-5);
    }
    fi_factor_free(factor);
    fi_information_free(information);
    problem_free(&made);
}

static void a_leverage_without_some_columns_is_that_of_zeros(void **state) {
    (void)state;
    enum { H = 9, PAIRS = 40 };
    problem made = problem_new(3, 30, H, PAIRS, 0.0f, 1.0f);
    fi_information *information = information_of(&made.candidates);
    fi_factor *factor = NULL;
    assert_int_equal(fi_factor_new(information, 0.3, &factor), 0);
    for (size_t i = 0; i < PAIRS; i++)
        for (size_t first = 0; first <= H; first++)
            for (size_t count = 0; first + count <= H; count++) {
                double difference[H], zeroed[H], without;
                problem_difference(&made.candidates, i, difference);
                for (size_t j = 0; j < H; j++)
                    zeroed[j] = j >= first && j < first + count ? 0.0 : difference[j];
                double whole = fi_factor_leverage(factor, difference);
                double left = fi_factor_leverage(factor, zeroed);
                assert_true(fi_factor_leverage_without(factor, difference, first, count,
                                                       &without) == whole);
                assert_true(fabs(without - left) <= 1e-12 * (whole + left));
            }
    fi_factor_free(factor);
    fi_information_free(information);
    problem_free(&made);
}

static void a_rank_one_update_equals_a_new_factor(void **state) {
    (void)state;
    static const double weights[] = {0.0, 1e-12, 0.25, 40.0};
    enum { H = 9 };
    problem made = problem_new(4, 30, H, 50, 0.0f, 1.0f);
    fi_information *information = information_of(&made.candidates);
    fi_factor *updated = NULL;
    assert_int_equal(fi_factor_new(information, 0.1, &updated), 0);
    double *matrix = plain_design(H, information, 0.1);
    double inverse[H * H];
    double difference[H];
    for (size_t i = 0; i < 50; i++) {
        double weight = weights[i % FD_LENGTH(weights)];
        double gain = 0.0;
        problem_difference(&made.candidates, i, difference);
        gain = log1p(weight * fi_factor_leverage(updated, difference));
        double before = fi_factor_logdet(updated);
        fi_factor_update(updated, weight, difference);
        plain_add(&made.candidates, i, weight, matrix);
        assert_close(fi_factor_logdet(updated), plain_invert(H, matrix, inverse), 1e-11);
        assert_close(fi_factor_logdet(updated) - before, gain, 1e-11);
        for (size_t other = 0; other < 50; other++) {
            problem_difference(&made.candidates, other, difference);
            assert_close(fi_factor_leverage(updated, difference),
                         plain_leverage(&made.candidates, other, inverse), 1e-11);
        }
    }
    free(matrix);
    fi_factor_free(updated);
    fi_information_free(information);
    problem_free(&made);
}

static void a_copy_does_not_follow_the_original(void **state) {
    (void)state;
    fi_information *information = NULL;
    fi_factor *factor = NULL;
    fi_factor *copy = NULL;
    assert_int_equal(fi_information_new(2, &information), 0);
    assert_int_equal(fi_factor_new(information, 1.0, &factor), 0);
    assert_int_equal(fi_factor_copy(factor, &copy), 0);
    fi_factor_update(factor, 1.0, (double[]){1.0, 1.0});
    assert_close(fi_factor_logdet(factor), log(3.0), 1e-14);
    assert_close(fi_factor_logdet(copy), 0.0, 1e-14);
    fi_factor_free(factor);
    fi_factor_free(copy);
    fi_information_free(information);
}

static void a_matrix_without_a_ridge_can_be_refused(void **state) {
    (void)state;
    fi_information *information = NULL;
    fi_factor *factor = NULL;
    assert_int_equal(fi_information_new(3, &information), 0);
    assert_int_equal(fi_factor_new(information, 0.0, &factor), -EDOM);
    assert_null(factor);
    fi_information_free(information);
}

static void a_ridge_lost_in_rounding_is_raised(void **state) {
    (void)state;
    enum { H = 24 };
    problem made = problem_new(1, 6, H, 10, 0.0f, 0.1f);
    for (size_t i = 0; i < 6 * H; i++)
        made.features[i] *= 1e6f;
    fi_information *information = information_of(&made.candidates);
    fi_factor *factor = NULL;
    assert_int_equal(fi_factor_new_raised(information, 1e-6, &factor), 0);
    assert_true(isfinite(fi_factor_logdet(factor)));
    fi_factor_free(factor);
    fi_information_free(information);
    problem_free(&made);
}

static void a_matrix_that_no_ridge_repairs_is_refused(void **state) {
    (void)state;
    static const double diagonals[] = {0.0, NAN, INFINITY, 1e-310, -1.0};
    for (size_t i = 0; i < FD_LENGTH(diagonals); i++) {
        fi_information *information = NULL;
        fi_factor *factor = NULL;
        assert_int_equal(fi_information_new(3, &information), 0);
        for (size_t j = 0; j < 9; j++)
            information->matrix[j] = j % 4 == 0 || isnan(diagonals[i]) ? diagonals[i] : 0.0;
        if (diagonals[i] > 0.0) /* not positive definite */
            information->matrix[1] = information->matrix[3] = 2.0 * diagonals[i];
        assert_int_equal(fi_factor_new_raised(information, 0.0, &factor), -EDOM);
        assert_null(factor);
        fi_information_free(information);
    }
}

static void leverages_want_features_of_the_same_width(void **state) {
    (void)state;
    problem made = problem_new(1, 6, 3, 10, 0.0f, 1.0f);
    fi_information *information = NULL;
    fi_factor *factor = NULL;
    double leverages[10];
    assert_int_equal(fi_information_new(4, &information), 0);
    assert_int_equal(fi_factor_new(information, 1.0, &factor), 0);
    assert_int_equal(fi_factor_leverages(factor, &made.candidates, leverages), -EINVAL);
    fi_factor_free(factor);
    fi_information_free(information);
    problem_free(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logdet_and_leverages_are_those_of_the_matrix),
        cmocka_unit_test(the_upper_factor_times_itself_is_the_matrix),
        cmocka_unit_test(leverages_stay_right_when_the_matrix_is_ill_conditioned),
        cmocka_unit_test(a_leverage_without_some_columns_is_that_of_zeros),
        cmocka_unit_test(a_rank_one_update_equals_a_new_factor),
        cmocka_unit_test(a_copy_does_not_follow_the_original),
        cmocka_unit_test(a_matrix_without_a_ridge_can_be_refused),
        cmocka_unit_test(a_ridge_lost_in_rounding_is_raised),
        cmocka_unit_test(a_matrix_that_no_ridge_repairs_is_refused),
        cmocka_unit_test(leverages_want_features_of_the_same_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
