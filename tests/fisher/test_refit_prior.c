/* Tests of the prior precision that the evidence finds. */
#include "answered.h"

#include <errno.h>

static const double grid[] = {1.0, 0.01, 1000.0, 10.0, 100.0, 0.1, 10000.0};

static void the_best_of_a_grid_has_the_highest_evidence(void **state) {
    (void)state;
    enum { H = 8, ITEMS = 60 };
    answered given;
    answered_init(&given, 7, ITEMS, H, 100, 0.3);
    fi_refit_options options = fi_refit_defaults();
    double beta[H] = {0}, precision, best = 0.0, highest = -INFINITY;
    fi_refit_result result;
    assert_int_equal(fi_refit_best(ITEMS, H, given.made.features, &given.answers, grid,
                                   FD_LENGTH(grid), NULL, &options, beta, &precision, &result),
                     0);
    for (size_t i = 0; i < FD_LENGTH(grid); i++) {
        double alone[H] = {0};
        fi_refit_result of_one;
        assert_int_equal(refit(&given, grid[i], alone, &of_one), 0);
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

    /* The same fits one by one take the same number of steps. */
    double walked[H] = {0};
    uint32_t steps = 0;
    for (int i = 0; i < (int)FD_LENGTH(grid); i++) {
        fi_refit_result of_one;
        assert_int_equal(refit(&given, 1e4 / pow(10.0, i), walked, &of_one), 0);
        steps += of_one.iterations;
    }
    assert_int_equal(result.iterations, steps);
    problem_free(&given.made);
}

static void held_out_answers_choose_the_precision_by_their_loss(void **state) {
    (void)state;
    enum { H = 8, ITEMS = 60, N = 60 };
    answered given;
    answered_init(&given, 8, ITEMS, H, 500, 0.5);
    fi_answers held_out = {
        .count = 500 - N, .pairs = given.made.pairs + N, .targets = given.targets + N};
    given.answers.count = N;
    fi_refit_options options = fi_refit_defaults();
    double beta[H] = {0}, precision, best = 0.0, lowest = INFINITY;
    fi_refit_result result;
    assert_int_equal(fi_refit_best(ITEMS, H, given.made.features, &given.answers, grid,
                                   FD_LENGTH(grid), &held_out, &options, beta, &precision, &result),
                     0);
    answered judge = given;
    judge.made.candidates.pairs = held_out.pairs;
    judge.answers.count = held_out.count;
    memcpy(judge.targets, held_out.targets, held_out.count * sizeof(float));
    for (size_t i = 0; i < FD_LENGTH(grid); i++) {
        double alone[H] = {0};
        fi_refit_result of_one;
        assert_int_equal(refit(&given, grid[i], alone, &of_one), 0);
        double loss = plain_evaluate(&judge, 0.0, alone).loss;
        if (loss < lowest) {
            lowest = loss;
            best = grid[i];
        }
    }
    assert_true(precision == best);
    assert_true(best > 0.01 && best < 10000.0);

    /* Contradicting answers prefer the shortest beta. */
    float flipped[500 - N];
    for (size_t i = 0; i < held_out.count; i++)
        flipped[i] = 1.0f - held_out.targets[i];
    held_out.targets = flipped;
    assert_int_equal(fi_refit_best(ITEMS, H, given.made.features, &given.answers, grid,
                                   FD_LENGTH(grid), &held_out, &options, beta, &precision, &result),
                     0);
    assert_true(precision == 10000.0);
    problem_free(&given.made);
}

static void if_precisions_tie_the_largest_is_taken(void **state) {
    (void)state;
    enum { H = 3, ITEMS = 10 };
    answered given;
    answered_init(&given, 9, ITEMS, H, 20, 0.5);
    fi_answers held_out = {.count = 1, .pairs = (fi_pair[]){{4, 4}}, .targets = (float[]){1.0f}};
    fi_refit_options options = fi_refit_defaults();
    double beta[H] = {0}, precision;
    fi_refit_result result;
    assert_int_equal(fi_refit_best(ITEMS, H, given.made.features, &given.answers, grid,
                                   FD_LENGTH(grid), &held_out, &options, beta, &precision, &result),
                     0);
    assert_true(precision == 10000.0);
    problem_free(&given.made);
}

static int refit_evidence(const answered *given, double guess, double *beta, double *precision,
                          fi_refit_result *ret) {
    fi_refit_options options = fi_refit_defaults();
    options.prior_guess = guess;
    return fi_refit_evidence(given->made.candidates.n_items, given->made.candidates.n_features,
                             given->made.features, &given->answers, &options, beta, precision, ret);
}

/* log of the evidence times the density of a guess over log lambda */
static double belief(double log_evidence, double precision, double guess) {
    return log_evidence + (guess > 0.0 ? log(precision) - precision / guess : 0.0);
}

/* lambda (|beta|^2 + 2 / guess), divided by the number of determined parameters + 2. */
static double share_of_fixed_point(const answered *given, double guess, double precision,
                                   const double *beta) {
    size_t h = given->made.candidates.n_features;
    double inverse[WIDEST * WIDEST];
    plain at = plain_evaluate(given, precision, beta);
    plain_invert(h, at.hessian, inverse);
    double determined = guess > 0.0 ? (double)h + 2.0 : (double)h;
    for (size_t j = 0; j < h; j++)
        determined -= precision * inverse[j * h + j];
    double square = pow(plain_length(h, beta), 2.0) + (guess > 0.0 ? 2.0 / guess : 0.0);
    return precision * square / determined;
}

/* From any start, and with a guess that is far too low or far too high or missing, finds a
 * precision with lambda (|beta|^2 + 2 / guess) = the number of determined parameters + 2, close to
 * the most probable one. */
static void the_precision_by_evidence_is_mackays_fixed_point(void **state) {
    (void)state;
    enum { H = 8, ITEMS = 80 };
    static const double starts[] = {1e-3, 1.0, 1e4}, guesses[] = {0.0, 0.5, 3000.0};
    for (uint64_t seed = 0; seed < 15; seed++) {
        double guess = guesses[seed % 3];
        answered given;
        answered_init(&given, 300 + seed, ITEMS, H, 300, 0.3);
        for (size_t i = 0; i < FD_LENGTH(starts); i++) {
            double beta[H] = {0}, precision = starts[i];
            fi_refit_result result, other;
            assert_int_equal(refit_evidence(&given, guess, beta, &precision, &result), 0);
            assert_true(result.converged);
            assert_true(fabs(share_of_fixed_point(&given, guess, precision, beta) - 1.0) < 2e-3);
            for (double by = 0.01; by <= 100.0; by *= 1.5) {
                double alone[H] = {0};
                assert_int_equal(refit(&given, by * precision, alone, &other), 0);
                assert_true(belief(result.log_evidence, precision, guess) >
                            belief(other.log_evidence, by * precision, guess) - 0.05);
            }
        }
        problem_free(&given.made);
    }
}

static void uninformative_answers_keep_the_guess_or_reach_the_strongest_prior(void **state) {
    (void)state;
    enum { H = 4, ITEMS = 30 };
    static const double guesses[] = {0.0, 7.0, 2e4};
    answered given;
    answered_init(&given, 10, ITEMS, H, 50, 0.3);
    for (int kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < 50; i++)
            given.targets[i] = kind == 0 ? 0.5f : 1.0f;
        for (size_t i = 0; kind == 1 && i < ITEMS * H; i++)
            given.made.features[i] = 1.0f;
        for (size_t i = 0; i < FD_LENGTH(guesses); i++) {
            double beta[H] = {0}, precision = 1.0, guess = guesses[i];
            fi_refit_result result;
            assert_int_equal(refit_evidence(&given, guess, beta, &precision, &result), 0);
            assert_true(result.converged);
            if (guess == 0.0)
                assert_true(precision == FI_PRECISION_MOST);
            else if (kind == 0) /* the features are still determined */
                assert_true(precision > guess && precision < guess * (H + 2.0) / 2.0);
            else
                assert_true(fabs(precision / guess - 1.0) < 1e-3);
            assert_close(result.loss, log(2.0), 1e-12);
        }
    }
    problem_free(&given.made);
}

/* 55 of 100 answers with one difference: as far from half as chance alone. So lambda = gamma /
 * |beta|^2 has no solution, and repeating it raises lambda by 25 per fit. */
static void the_precision_settles_for_answers_at_the_level_of_noise(void **state) {
    (void)state;
    enum { N = 100 };
    const float features[] = {0.0f, 1.0f};
    fi_pair pairs[N];
    float targets[N];
    for (size_t i = 0; i < N; i++) {
        pairs[i] = (fi_pair){1, 0};
        targets[i] = i < 55 ? 1.0f : 0.0f;
    }
    fi_answers answers = {.count = N, .pairs = pairs, .targets = targets};
    for (int guessed = 0; guessed < 2; guessed++) {
        fi_refit_options options = fi_refit_defaults();
        options.prior_guess = guessed ? 10.0 : 0.0;
        double beta = 0.0, precision = 100.0;
        fi_refit_result result, alone;
        assert_int_equal(
            fi_refit_evidence(2, 1, features, &answers, &options, &beta, &precision, &result), 0);
        assert_true(result.converged);
        assert_true(guessed ? precision > 5.0 && precision < 20.0 : precision == FI_PRECISION_MOST);
        options.prior_precision = precision;
        assert_int_equal(fi_refit(2, 1, features, &answers, &options, &beta, &alone), 0);
        assert_close(result.log_evidence, alone.log_evidence, 1e-9);
    }
}

static void the_precision_settles_for_noise_in_many_dimensions(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        answered given;
        answered_init(&given, 500 + seed, 200, WIDEST, 10 + 10 * seed, 0.01);
        double beta[WIDEST] = {0}, precision = 1.0;
        fi_refit_result result;
        assert_int_equal(refit_evidence(&given, 10.0, beta, &precision, &result), 0);
        assert_true(result.converged && precision > 1.0 && precision < 200.0);
        problem_free(&given.made);
    }
}

/* Columns with scales from 1 to 10^(1 - h): answers tell much about some parameters and nothing
 * about others.
 */
static void answered_init_unlike(answered *given, uint64_t seed, size_t n_items, size_t h,
                                 size_t count) {
    answered_init(given, seed, n_items, h, count, 3.0);
    for (size_t i = 0; i < n_items * h; i++)
        given->made.features[i] *= powf(0.1f, (float)(i % h));
}

static void undetermined_parameters_do_not_mislead_the_precision(void **state) {
    (void)state;
    static const double starts[] = {FI_PRECISION_LEAST, 1.0, FI_PRECISION_MOST};
    size_t at_limits = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        answered given;
        answered_init_unlike(&given, 600 + seed, 160, 2 + seed % 8, 20 + 5 * seed);
        for (size_t i = 0; i < FD_LENGTH(starts); i++) {
            double beta[WIDEST] = {0}, precision = starts[i];
            fi_refit_result result;
            assert_int_equal(refit_evidence(&given, 0.0, beta, &precision, &result), 0);
            assert_true(result.converged);
            double share = share_of_fixed_point(&given, 0.0, precision, beta);
            if (precision == FI_PRECISION_LEAST)
                assert_true(share > 1.0 - 2e-3);
            else if (precision == FI_PRECISION_MOST)
                assert_true(share < 1.0 + 2e-3);
            else
                assert_true(fabs(share - 1.0) < 2e-3);
            at_limits += precision == FI_PRECISION_LEAST;
        }
        problem_free(&given.made);
    }
    assert_true(at_limits > 10);
}

/* With whole Newton steps each of these would jump over the root and back without end. */
static void steps_that_go_too_far_settle_between(void **state) {
    (void)state;
    static const struct {
        uint64_t seed;
        size_t h, count;
    } rows[] = {{10222, 6, 160}, {10322, 9, 175}, {10507, 8, 130}, {10803, 5, 155},
                {11185, 7, 125}, {11870, 5, 155}, {12163, 7, 165}, {12267, 6, 200},
                {12362, 4, 190}, {12995, 7, 445}};
    for (size_t i = 0; i < FD_LENGTH(rows); i++) {
        answered given;
        answered_init_unlike(&given, rows[i].seed, 160, rows[i].h, rows[i].count);
        double beta[WIDEST] = {0}, precision = 1.0;
        fi_refit_result result;
        assert_int_equal(refit_evidence(&given, 0.0, beta, &precision, &result), 0);
        assert_true(result.converged);
        assert_true(precision > FI_PRECISION_LEAST && precision < FI_PRECISION_MOST);
        assert_true(fabs(share_of_fixed_point(&given, 0.0, precision, beta) - 1.0) < 2e-3);
        problem_free(&given.made);
    }
}

static void a_fit_reports_that_it_did_not_converge(void **state) {
    (void)state;
    answered given;
    answered_init(&given, 13, 30, 4, 50, 0.3);
    fi_refit_options options = fi_refit_defaults();
    options.iterations = 0;
    double beta[4] = {0}, precision = 1.0;
    fi_refit_result result;
    assert_int_equal(fi_refit_evidence(30, 4, given.made.features, &given.answers, &options, beta,
                                       &precision, &result),
                     0);
    assert_false(result.converged);
    problem_free(&given.made);
}

static void an_invalid_guess_is_refused(void **state) {
    (void)state;
    static const double bad[] = {-1.0, NAN, INFINITY};
    answered given;
    answered_init(&given, 14, 30, 4, 50, 0.3);
    for (size_t i = 0; i < FD_LENGTH(bad); i++) {
        double beta[4] = {0}, precision = 1.0;
        fi_refit_result result;
        assert_int_equal(refit_evidence(&given, bad[i], beta, &precision, &result), -EINVAL);
    }
    problem_free(&given.made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_of_a_grid_has_the_highest_evidence),
        cmocka_unit_test(held_out_answers_choose_the_precision_by_their_loss),
        cmocka_unit_test(if_precisions_tie_the_largest_is_taken),
        cmocka_unit_test(the_precision_by_evidence_is_mackays_fixed_point),
        cmocka_unit_test(uninformative_answers_keep_the_guess_or_reach_the_strongest_prior),
        cmocka_unit_test(the_precision_settles_for_answers_at_the_level_of_noise),
        cmocka_unit_test(the_precision_settles_for_noise_in_many_dimensions),
        cmocka_unit_test(undetermined_parameters_do_not_mislead_the_precision),
        cmocka_unit_test(steps_that_go_too_far_settle_between),
        cmocka_unit_test(a_fit_reports_that_it_did_not_converge),
        cmocka_unit_test(an_invalid_guess_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
