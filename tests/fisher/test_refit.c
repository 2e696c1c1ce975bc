/* Tests of the fit of the last layer at a given prior precision, or at the best of a grid. */
#include "answered.h"

#include <errno.h>

FD_DEFINE_CLEANUP(fi_information, fi_information_free)
FD_DEFINE_CLEANUP(fi_factor, fi_factor_free)

static const struct {
    size_t items, h, answers;
    double precision;
} sizes[] = {
    {2, 1, 1, 1.0},       {40, 1, 300, 0.1},  {300, 8, 20, 0.01},   {30, 8, 500, 1.0},
    {600, 24, 600, 30.0}, {600, 24, 10, 1.0}, {25, 24, 600, 0.001}, {50, 5, 200, 1e6},
};

static void a_fit_is_that_of_plain_newton_in_float64(void **state) {
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(sizes); i++) {
        size_t h = sizes[i].h;
        double precision = sizes[i].precision;
        answered given;
        answered_init(&given, i, sizes[i].items, h, sizes[i].answers, 0.3);
        double beta[WIDEST] = {0}, expected[WIDEST];
        fi_refit_result result;
        assert_int_equal(refit(&given, precision, beta, &result), 0);
        plain best = plain_newton(&given, precision, expected);
        double logdet = plain_logdet(h, best.hessian);
        assert_true(result.converged);
        assert_true(result.iterations > 0 && result.iterations <= 10);
        assert_same_beta(h, beta, expected, 1e-9);
        assert_close(result.loss, best.loss / (double)sizes[i].answers, 1e-10);
        assert_close(result.logdet, logdet, 1e-6);
        double evidence = -best.objective + (double)h / 2.0 * log(precision) - logdet / 2.0;
        assert_close(result.log_evidence, evidence, 1e-6);
        plain end = plain_evaluate(&given, precision, beta);
        assert_true(plain_length(h, end.gradient) < 1e-10 * end.gradient_scale);
        problem_free(&given.made);
    }
}

/* log of the integral of likelihood times prior over beta, in one or two dimensions. */
static double integrated_evidence(const answered *given, double precision) {
    size_t h = given->made.candidates.n_features;
    const double reach = 8.0, step = 0.1;
    int points = (int)(2.0 * reach / step) + 1;
    double best[WIDEST];
    double least = plain_newton(given, precision, best).objective, sum = 0.0;
    double inverse[WIDEST * WIDEST];
    plain at = plain_evaluate(given, precision, best);
    plain_invert(h, at.hessian, inverse);
    double width[2] = {sqrt(inverse[0]), h == 2 ? sqrt(inverse[3]) : 0.0};
    for (int i = 0; i < points; i++)
        for (int j = 0; j < (h == 2 ? points : 1); j++) {
            double beta[2] = {best[0] + width[0] * (i * step - reach),
                              h == 2 ? best[1] + width[1] * (j * step - reach) : 0.0};
            double loss = precision / 2.0 * (beta[0] * beta[0] + (h == 2 ? beta[1] * beta[1] : 0));
            for (size_t k = 0; k < given->answers.count; k++) {
                double logit = 0.0, difference[2] = {0};
                problem_difference(&given->made.candidates, k, difference);
                for (size_t l = 0; l < h; l++)
                    logit += difference[l] * beta[l];
                loss += log1p(exp(logit)) - (double)given->targets[k] * logit;
            }
            sum += exp(least - loss);
        }
    double cell = step * width[0] * (h == 2 ? step * width[1] : 1.0);
    return log(sum * cell) - least + (double)h / 2.0 * log(precision / (2.0 * acos(-1.0)));
}

static void the_evidence_is_the_integral_over_beta(void **state) {
    (void)state;
    for (size_t h = 1; h <= 2; h++) {
        /* The more answers or prior there is, the closer to normal is the posterior. */
        static const double precisions[] = {0.5, 100.0};
        for (size_t i = 0; i < FD_LENGTH(precisions); i++) {
            answered given;
            answered_init(&given, 40 + h, 20, h, 100, 0.4);
            double beta[WIDEST] = {0};
            fi_refit_result result;
            assert_int_equal(refit(&given, precisions[i], beta, &result), 0);
            double expected = integrated_evidence(&given, precisions[i]);
            if (!(fabs(result.log_evidence - expected) < 0.03))
                fail_msg("%g, expected %g", result.log_evidence, expected);
            problem_free(&given.made);
        }
    }
}

static void the_curvature_is_the_design_matrix_of_the_answers(void **state) {
    (void)state;
    enum { H = 6, ITEMS = 30 };
    answered given;
    answered_init(&given, 3, ITEMS, H, 200, 0.3);
    double beta[H] = {0};
    fi_refit_result result;
    assert_int_equal(refit(&given, 2.0, beta, &result), 0);
    for (size_t i = 0; i < ITEMS; i++) {
        double reward = 0.0;
        for (size_t j = 0; j < H; j++)
            reward += beta[j] * (double)given.made.features[i * H + j];
        given.made.rewards[i] = (float)reward;
    }
    FD_CLEANUP(fi_information_freep)
    fi_information *information = information_of(&given.made.candidates);
    FD_CLEANUP(fi_factor_freep) fi_factor *factor = NULL;
    assert_int_equal(fi_factor_new(information, 2.0, &factor), 0);
    assert_close(result.logdet, fi_factor_logdet(factor), 1e-6);
    problem_free(&given.made);
}

static void a_stronger_prior_shortens_beta(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        answered given;
        answered_init(&given, 100 + seed, 30, 1 + seed % 7, 20 + 10 * seed, 0.5);
        double before = INFINITY;
        for (double precision = 1e-3; precision <= 1e6; precision *= 10.0) {
            double beta[WIDEST] = {0};
            fi_refit_result result;
            assert_int_equal(refit(&given, precision, beta, &result), 0);
            double length = plain_length(1 + seed % 7, beta);
            assert_true(length > 0.0 && length < before);
            before = length;
        }
        problem_free(&given.made);
    }
}

static void neither_order_nor_sides_of_the_answers_matter(void **state) {
    (void)state;
    enum { H = 6, N = 200 };
    for (uint64_t seed = 0; seed < 20; seed++) {
        answered given;
        answered_init(&given, 200 + seed, seed % 2 ? 20 : 400, H, N, 0.4);
        double expected[H] = {0}, beta[H] = {0};
        fi_refit_result first, second;
        assert_int_equal(refit(&given, 1.0, expected, &first), 0);
        fd_rng rng = fd_rng_seeded(seed);
        for (size_t i = N; i > 0; i--) {
            size_t j = (size_t)fd_rng_below(&rng, i);
            fi_pair pair = given.made.pairs[i - 1];
            float target = given.targets[i - 1];
            given.made.pairs[i - 1] = given.made.pairs[j];
            given.targets[i - 1] = given.targets[j];
            given.made.pairs[j] = (fi_pair){pair.b, pair.a};
            given.targets[j] = 1.0f - target;
        }
        assert_int_equal(refit(&given, 1.0, beta, &second), 0);
        assert_same_beta(H, beta, expected, 1e-9);
        assert_close(second.log_evidence, first.log_evidence, 1e-11);
        problem_free(&given.made);
    }
}

static void a_start_near_the_end_saves_steps_and_a_bad_one_does_no_harm(void **state) {
    (void)state;
    enum { H = 8 };
    answered given;
    answered_init(&given, 5, 100, H, 400, 0.5);
    double cold[H] = {0}, warm[H], far[H], unknown[H];
    fi_refit_result from_cold, from_warm, again, from_far, from_unknown;
    assert_int_equal(refit(&given, 1.0, cold, &from_cold), 0);
    given.answers.count = 390;
    memset(warm, 0, sizeof(warm));
    assert_int_equal(refit(&given, 1.0, warm, &again), 0);
    given.answers.count = 400;
    assert_int_equal(refit(&given, 1.0, warm, &from_warm), 0);
    assert_true(from_warm.iterations < from_cold.iterations);
    assert_same_beta(H, warm, cold, 1e-7);
    assert_int_equal(refit(&given, 1.0, warm, &again), 0);
    assert_true(again.iterations <= 1);

    for (size_t j = 0; j < H; j++) {
        far[j] = -1e8 * cold[j];
        unknown[j] = NAN;
    }
    assert_int_equal(refit(&given, 1.0, far, &from_far), 0);
    assert_int_equal(refit(&given, 1.0, unknown, &from_unknown), 0);
    assert_memory_equal(far, cold, sizeof(cold));
    assert_memory_equal(unknown, cold, sizeof(cold));
    assert_int_equal(from_far.iterations, from_cold.iterations);
    problem_free(&given.made);
}

/* If almost no answer is in doubt, J is nearly straight, and a full step goes much too far. */
static void a_step_that_goes_too_far_is_halved(void **state) {
    (void)state;
    enum { N = 100 };
    float features[N + 1] = {0}, targets[N];
    fi_pair pairs[N];
    for (uint32_t i = 0; i < N; i++) {
        features[i + 1] = i == 0 ? 200.0f : 5.0f;
        pairs[i] = (fi_pair){i + 1, 0};
        targets[i] = i == 0 ? 0.9f : 1.0f;
    }
    fi_answers answers = {.count = N, .pairs = pairs, .targets = targets};
    fi_refit_options options = fi_refit_defaults();
    options.prior_precision = 1e-3;
    double beta = 2.0;
    fi_refit_result result;
    assert_int_equal(fi_refit(N + 1, 1, features, &answers, &options, &beta, &result), 0);
    assert_true(result.converged && beta > 0.6 && beta < 0.7);
    double slope = 1e-3 * beta + 200.0 * (fi_probability(200.0 * beta) - (double)targets[0]) -
                   (N - 1) * 5.0 * fi_probability(-5.0 * beta);
    assert_true(fabs(slope) < 1e-9);
}

static void extreme_input_ends_with_finite_numbers(void **state) {
    (void)state;
    enum { H = 12, ITEMS = 40, N = 100, KINDS = 9 };
    static const double precisions[] = {1e-6, 1.0, 1e9};
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < FD_LENGTH(precisions); i++) {
            answered given;
            answered_init(&given, (uint64_t)kind, ITEMS, H, N, 0.3);
            for (size_t j = 0; j < ITEMS * H; j++)
                given.made.features[j] *= kind == 0   ? 1e6f
                                          : kind == 1 ? 1e-20f
                                          : kind == 2 ? 0.0f
                                          : kind == 3 ? (j % H == 0 ? 1e6f : 1e-3f)
                                          : kind == 8 ? 1e30f
                                                      : 1.0f;
            for (size_t j = 0; j < N; j++) {
                fi_pair *pair = &given.made.pairs[j];
                if (kind == 0 || kind == 4) /* separable */
                    given.targets[j] =
                        given.made.features[pair->a * H] > given.made.features[pair->b * H];
                if (kind == 5) /* ties */
                    given.targets[j] = 0.5f;
                if (kind == 6) { /* one pair with contradicting answers */
                    *pair = (fi_pair){j % 2, 1 - j % 2};
                    given.targets[j] = 1.0f;
                }
                if (kind == 7) /* pairs of an item with itself */
                    pair->b = pair->a;
            }
            for (size_t count = 1; count <= N; count += N - 1) {
                given.answers.count = count;
                double beta[H] = {0}, precision = precisions[i];
                fi_refit_result result;
                assert_int_equal(refit(&given, precision, beta, &result), 0);
                assert_true(isfinite(plain_length(H, beta)) && isfinite(result.logdet));
                assert_true(isfinite(result.log_evidence) && isfinite(result.loss));
                assert_true(result.loss <= log(2.0) + 1e-12);
                fi_refit_options options = fi_refit_defaults();
                assert_int_equal(fi_refit_evidence(ITEMS, H, given.made.features, &given.answers,
                                                   &options, beta, &precision, &result),
                                 0);
                assert_true(isfinite(plain_length(H, beta)) && isfinite(result.log_evidence));
                assert_true(precision >= FI_PRECISION_LEAST && precision <= FI_PRECISION_MOST);
            }
            problem_free(&given.made);
        }
}

static void a_fit_takes_no_more_steps_than_allowed(void **state) {
    (void)state;
    enum { H = 8, ITEMS = 50 };
    answered given;
    answered_init(&given, 11, ITEMS, H, 300, 1.0);
    fi_refit_options options = fi_refit_defaults();
    options.prior_precision = 0.01;
    for (options.iterations = 0; options.iterations <= 2; options.iterations++) {
        double beta[H] = {0};
        fi_refit_result result;
        assert_int_equal(
            fi_refit(ITEMS, H, given.made.features, &given.answers, &options, beta, &result), 0);
        assert_int_equal(result.iterations, options.iterations);
        assert_false(result.converged);
        plain at = plain_evaluate(&given, 0.01, beta);
        assert_close(result.loss, at.loss / 300.0, 1e-12);
        assert_close(result.logdet, plain_logdet(H, at.hessian), 1e-10);
    }
    problem_free(&given.made);
}

static void invalid_input_is_refused_and_beta_does_not_change(void **state) {
    (void)state;
    enum { H = 3, ITEMS = 10, N = 20 };
    static const double grid[] = {1.0, 10.0};
    static const double bad_precisions[] = {0.0, -1.0, NAN, INFINITY};
    answered given;
    answered_init(&given, 12, ITEMS, H, N, 0.3);
    given.made.pairs[N - 1] = (fi_pair){0, 1};
    double beta[H] = {7.0, 8.0, 9.0}, precision = 1.0;
    const double kept[H] = {7.0, 8.0, 9.0};
    fi_refit_options options = fi_refit_defaults();
    fi_refit_result result;
    for (size_t i = 0; i < FD_LENGTH(bad_precisions); i++) {
        precision = bad_precisions[i];
        assert_int_equal(refit(&given, precision, beta, &result), -EINVAL);
        assert_int_equal(fi_refit_evidence(ITEMS, H, given.made.features, &given.answers, &options,
                                           beta, &precision, &result),
                         -EINVAL);
        double pair[] = {1.0, bad_precisions[i]};
        assert_int_equal(fi_refit_best(ITEMS, H, given.made.features, &given.answers, pair, 2, NULL,
                                       &options, beta, &precision, &result),
                         -EINVAL);
    }
    assert_int_equal(fi_refit_best(ITEMS, H, given.made.features, &given.answers, grid, 0, NULL,
                                   &options, beta, &precision, &result),
                     -EINVAL);

    fi_pair pairs[N];
    float targets[N];
    memcpy(pairs, given.made.pairs, sizeof(pairs));
    memcpy(targets, given.targets, sizeof(targets));
    for (int kind = 0; kind < 7; kind++) {
        fi_answers bad = {.count = kind == 0 ? 0 : N, .pairs = pairs, .targets = targets};
        pairs[N - 1].b = kind == 1 ? ITEMS : 1;
        targets[3] = kind == 2 ? 1.5f : kind == 3 ? -0.5f : kind == 4 ? NAN : 1.0f;
        given.made.features[H + 1] = kind == 5 ? NAN : kind == 6 ? -INFINITY : 1.0f;
        assert_int_equal(fi_refit(ITEMS, H, given.made.features, &bad, &options, beta, &result),
                         -EINVAL);
        if (kind == 0) /* an empty set of held-out answers is the same as NULL */
            continue;
        fi_answers good = {.count = 1, .pairs = (fi_pair[]){{2, 3}}, .targets = (float[]){1.0f}};
        assert_int_equal(fi_refit_best(ITEMS, H, given.made.features, &good, grid, 2, &bad,
                                       &options, beta, &precision, &result),
                         -EINVAL);
    }
    assert_int_equal(refit(&(answered){.made = {.candidates.n_items = ITEMS},
                                       .answers = {1, (fi_pair[]){{0, 1}}, (float[]){1.0f}}},
                           1.0, beta, &result),
                     -EINVAL);
    assert_memory_equal(beta, kept, sizeof(kept));
    problem_free(&given.made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fit_is_that_of_plain_newton_in_float64),
        cmocka_unit_test(the_evidence_is_the_integral_over_beta),
        cmocka_unit_test(the_curvature_is_the_design_matrix_of_the_answers),
        cmocka_unit_test(a_stronger_prior_shortens_beta),
        cmocka_unit_test(neither_order_nor_sides_of_the_answers_matter),
        cmocka_unit_test(a_start_near_the_end_saves_steps_and_a_bad_one_does_no_harm),
        cmocka_unit_test(a_step_that_goes_too_far_is_halved),
        cmocka_unit_test(extreme_input_ends_with_finite_numbers),
        cmocka_unit_test(a_fit_takes_no_more_steps_than_allowed),
        cmocka_unit_test(invalid_input_is_refused_and_beta_does_not_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
