#include "answered.h"

static const double grid[] = {1.0, 0.01, 1000.0, 10.0, 100.0, 0.1, 10000.0};

static void the_best_of_a_grid_has_the_highest_evidence(void **state) {
    (void)state;
    enum { H = 8, ITEMS = 60 };
    answered these;
    answered_init(&these, 7, ITEMS, H, 100, 0.3);
    fi_refit_options options = fi_refit_defaults();
    double beta[H] = {0}, precision, best = 0.0, highest = -INFINITY;
    fi_refit_result result;
    assert_int_equal(fi_refit_best(ITEMS, H, these.made.features, &these.answers, grid,
                                   FD_LENGTH(grid), NULL, &options, beta, &precision, &result),
                     0);
    for (size_t i = 0; i < FD_LENGTH(grid); i++) {
        double alone[H] = {0};
        fi_refit_result of_one;
        assert_int_equal(refit(&these, grid[i], alone, &of_one), 0);
        if (grid[i] == precision) {
            assert_same_beta(H, beta, alone, 1e-7);
            assert_close(result.log_evidence, of_one.log_evidence, 1e-9);
            assert_close(result.logdet, of_one.logdet, 1e-7);
        }
        if (of_one.log_evidence > highest) {
            highest = of_one.log_evidence;
            best = grid[i];
        }
    }
    assert_true(precision == best);
    assert_true(best > 0.01 && best < 10000.0);

    /* The same walk, fit by fit, counts the same steps in all. */
    double walked[H] = {0};
    uint32_t steps = 0;
    for (int i = 0; i < (int)FD_LENGTH(grid); i++) {
        fi_refit_result of_one;
        assert_int_equal(refit(&these, 1e4 / pow(10.0, i), walked, &of_one), 0);
        steps += of_one.iterations;
    }
    assert_int_equal(result.iterations, steps);
    problem_free(&these.made);
}

static void held_out_answers_choose_by_their_loss(void **state) {
    (void)state;
    enum { H = 8, ITEMS = 60, N = 60 };
    answered these;
    answered_init(&these, 8, ITEMS, H, 500, 0.5);
    fi_answers held_out = {500 - N, these.made.pairs + N, these.targets + N};
    these.answers.count = N;
    fi_refit_options options = fi_refit_defaults();
    double beta[H] = {0}, precision, best = 0.0, lowest = INFINITY;
    fi_refit_result result;
    assert_int_equal(fi_refit_best(ITEMS, H, these.made.features, &these.answers, grid,
                                   FD_LENGTH(grid), &held_out, &options, beta, &precision, &result),
                     0);
    answered judge = these;
    judge.made.candidates.pairs = held_out.pairs;
    judge.answers.count = held_out.count;
    memcpy(judge.targets, held_out.targets, held_out.count * sizeof(float));
    for (size_t i = 0; i < FD_LENGTH(grid); i++) {
        double alone[H] = {0};
        fi_refit_result of_one;
        assert_int_equal(refit(&these, grid[i], alone, &of_one), 0);
        double loss = plain_look(&judge, 0.0, alone).loss;
        if (loss < lowest) {
            lowest = loss;
            best = grid[i];
        }
    }
    assert_true(precision == best);
    assert_true(best > 0.01 && best < 10000.0);

    /* Those that contradict the answers want beta as short as can be. */
    float flipped[500 - N];
    for (size_t i = 0; i < held_out.count; i++)
        flipped[i] = 1.0f - held_out.targets[i];
    held_out.targets = flipped;
    assert_int_equal(fi_refit_best(ITEMS, H, these.made.features, &these.answers, grid,
                                   FD_LENGTH(grid), &held_out, &options, beta, &precision, &result),
                     0);
    assert_true(precision == 10000.0);
    problem_free(&these.made);
}

static void where_precisions_tie_the_largest_is_taken(void **state) {
    (void)state;
    enum { H = 3, ITEMS = 10 };
    answered these;
    answered_init(&these, 9, ITEMS, H, 20, 0.5);
    fi_answers held_out = {1, (fi_pair[]){{4, 4}}, (float[]){1.0f}};
    fi_refit_options options = fi_refit_defaults();
    double beta[H] = {0}, precision;
    fi_refit_result result;
    assert_int_equal(fi_refit_best(ITEMS, H, these.made.features, &these.answers, grid,
                                   FD_LENGTH(grid), &held_out, &options, beta, &precision, &result),
                     0);
    assert_true(precision == 10000.0);
    problem_free(&these.made);
}

/* From any start, a precision where lambda |beta|^2 is the number of determined parameters, and
 * whose evidence is next to the highest. */
static void the_precision_by_evidence_is_mackays_fixed_point(void **state) {
    (void)state;
    enum { H = 8, ITEMS = 80 };
    static const double starts[] = {1e-3, 1.0, 1e4};
    for (uint64_t seed = 0; seed < 5; seed++) {
        answered these;
        answered_init(&these, 300 + seed, ITEMS, H, 300, 0.3);
        fi_refit_options options = fi_refit_defaults();
        for (size_t i = 0; i < FD_LENGTH(starts); i++) {
            double beta[H] = {0}, precision = starts[i], inverse[H * H];
            fi_refit_result result, other;
            assert_int_equal(fi_refit_evidence(ITEMS, H, these.made.features, &these.answers,
                                               &options, beta, &precision, &result),
                             0);
            assert_true(result.converged);
            plain at = plain_look(&these, precision, beta);
            plain_invert(H, at.hessian, inverse);
            double determined = H;
            for (size_t j = 0; j < H; j++)
                determined -= precision * inverse[j * H + j];
            double square = pow(plain_length(H, beta), 2.0);
            assert_true(fabs(precision * square / determined - 1.0) < 2e-3);
            for (double by = 0.01; by <= 100.0; by *= 1.5) {
                double alone[H] = {0};
                assert_int_equal(refit(&these, by * precision, alone, &other), 0);
                assert_true(result.log_evidence > other.log_evidence - 0.05);
            }
        }
        problem_free(&these.made);
    }
}

static void answers_that_say_nothing_want_the_strongest_prior(void **state) {
    (void)state;
    enum { H = 4, ITEMS = 30 };
    answered these;
    answered_init(&these, 10, ITEMS, H, 50, 0.3);
    for (int kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < 50; i++)
            these.targets[i] = kind == 0 ? 0.5f : 1.0f;
        for (size_t i = 0; kind == 1 && i < ITEMS * H; i++)
            these.made.features[i] = 1.0f;
        fi_refit_options options = fi_refit_defaults();
        double beta[H] = {0}, precision = 1.0;
        fi_refit_result result;
        assert_int_equal(fi_refit_evidence(ITEMS, H, these.made.features, &these.answers, &options,
                                           beta, &precision, &result),
                         0);
        assert_true(precision == FI_PRECISION_MOST && result.converged);
        assert_close(result.loss, log(2.0), 1e-12);
    }
    problem_free(&these.made);
}

/* 55 of 100 with one difference: as far from half as chance would have it, so that lambda = gamma /
 * |beta|^2 holds nowhere and lambda rises by 25 a fit. */
static void a_precision_that_does_not_settle_is_told(void **state) {
    (void)state;
    enum { N = 100 };
    const float features[] = {0.0f, 1.0f};
    fi_pair pairs[N];
    float targets[N];
    for (size_t i = 0; i < N; i++) {
        pairs[i] = (fi_pair){1, 0};
        targets[i] = i < 55 ? 1.0f : 0.0f;
    }
    fi_answers answers = {N, pairs, targets};
    fi_refit_options options = fi_refit_defaults();
    double beta = 0.0, precision = 100.0;
    fi_refit_result result, alone;
    assert_int_equal(
        fi_refit_evidence(2, 1, features, &answers, &options, &beta, &precision, &result), 0);
    assert_false(result.converged);
    assert_true(precision > 700.0 && precision < 1000.0);
    options.prior_precision = precision;
    assert_int_equal(fi_refit(2, 1, features, &answers, &options, &beta, &alone), 0);
    assert_close(result.log_evidence, alone.log_evidence, 1e-9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_of_a_grid_has_the_highest_evidence),
        cmocka_unit_test(held_out_answers_choose_by_their_loss),
        cmocka_unit_test(where_precisions_tie_the_largest_is_taken),
        cmocka_unit_test(the_precision_by_evidence_is_mackays_fixed_point),
        cmocka_unit_test(answers_that_say_nothing_want_the_strongest_prior),
        cmocka_unit_test(a_precision_that_does_not_settle_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
