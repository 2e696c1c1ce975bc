/* Tests of the fit of the last layer with old answers as the prior. */
#include "answered.h"

#include <errno.h>

FD_DEFINE_CLEANUP(fi_information, fi_information_free)

enum { H = 6, ITEMS = 40, N = 500, OLD = 300 };
static const double precision = 2.0;

/* The answers first … first + count - 1 with their own items. */
static answered part_of(const answered *given, size_t first, size_t count) {
    answered part = *given;
    part.made.candidates.pairs = given->made.pairs + first;
    part.made.candidates.n_pairs = count;
    memcpy(part.targets, given->targets + first, count * sizeof(float));
    part.answers =
        (fi_answers){.count = count, .pairs = part.made.candidates.pairs, .targets = NULL};
    return part;
}

static int fit(answered *given, const fi_refit_options *options, double *beta,
               fi_refit_result *ret) {
    given->answers.targets = given->targets;
    return fi_refit(ITEMS, H, given->made.features, &given->answers, options, beta, ret);
}

/* sum of v d d' at beta */
static fi_information *information_at(answered *given, const double *beta) {
    for (size_t i = 0; i < ITEMS; i++) {
        double reward = 0.0;
        for (size_t j = 0; j < H; j++)
            reward += beta[j] * (double)given->made.features[i * H + j];
        given->made.rewards[i] = (float)reward;
    }
    return information_of(&given->made.candidates);
}

static double apart(const double *one, const double *other) {
    double difference[H];
    for (size_t j = 0; j < H; j++)
        difference[j] = one[j] - other[j];
    return plain_length(H, difference) / plain_length(H, other);
}

struct fits {
    double all[H], in_turn[H], new_alone[H], without_mean[H], without_information[H];
    fi_refit_result of_all, of_old, of_new;
};

/* Fits all answers at once, and the new ones with the fit to the old ones as their prior, or with a
 * part of that. */
static struct fits fit_both_ways(answered *given) {
    struct fits fits = {0};
    fi_refit_options options = fi_refit_defaults();
    options.prior_precision = precision;
    double old[H] = {0};
    answered before = part_of(given, 0, OLD), after = part_of(given, OLD, N - OLD);
    assert_int_equal(fit(given, &options, fits.all, &fits.of_all), 0);
    assert_int_equal(fit(&before, &options, old, &fits.of_old), 0);
    assert_int_equal(fit(&after, &options, fits.new_alone, &fits.of_new), 0);
    FD_CLEANUP(fi_information_freep) fi_information *known = information_at(&before, old);

    options.prior_mean = old;
    assert_int_equal(fit(&after, &options, fits.without_information, &fits.of_new), 0);
    options.prior_information = known;
    assert_int_equal(fit(&after, &options, fits.in_turn, &fits.of_new), 0);
    options.prior_mean = NULL;
    fi_refit_result other;
    assert_int_equal(fit(&after, &options, fits.without_mean, &other), 0);
    return fits;
}

static void the_fit_to_old_answers_is_the_prior_of_new_ones(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        answered given;
        answered_init(&given, 700 + seed, ITEMS, H, N, 0.3);
        struct fits fits = fit_both_ways(&given);
        assert_true(apart(fits.in_turn, fits.all) < 0.02);
        assert_true(apart(fits.new_alone, fits.all) > 0.15);
        assert_true(apart(fits.without_information, fits.all) > 0.15);
        assert_true(apart(fits.without_mean, fits.all) > 0.15);
        /* and P(all) = P(old) P(new given old) */
        double both = fits.of_old.log_evidence + fits.of_new.log_evidence;
        assert_true(fabs(both - fits.of_all.log_evidence) < 0.25);
        problem_free(&given.made);
    }
}

/* With logits near zero the loss is a parabola, and fits in turn are exact. */
static void fits_in_turn_equal_one_fit_if_the_loss_is_a_parabola(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        answered given;
        answered_init(&given, 800 + seed, ITEMS, H, N, 0.3);
        for (size_t i = 0; i < N; i++)
            given.targets[i] = 0.5f + 1e-4f * (given.targets[i] - 0.5f);
        struct fits fits = fit_both_ways(&given);
        assert_true(apart(fits.in_turn, fits.all) < 1e-8);
        double both = fits.of_old.log_evidence + fits.of_new.log_evidence;
        assert_true(fabs(both - fits.of_all.log_evidence) < 1e-6);
        problem_free(&given.made);
    }
}

/* A prior with any mean and P, which is not diagonal: the gradient is zero, and the results solve
 * the equations. */
static void a_fit_with_any_prior_solves_the_equations(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        answered given, others;
        answered_init(&given, 900 + seed, ITEMS, H, 100, 0.4);
        answered_init(&others, 950 + seed, ITEMS, H, 70, 0.4);
        FD_CLEANUP(fi_information_freep)
        fi_information *known = information_of(&others.made.candidates);
        const double *matrix = fi_information_matrix(known);
        fi_refit_options options = fi_refit_defaults();
        double mean[H], beta[H] = {0}, prior[H * H];
        for (size_t j = 0; j < H; j++)
            mean[j] = 0.3 * (double)j - 0.5;
        options.prior_precision = precision;
        options.prior_mean = mean;
        options.prior_information = known;
        fi_refit_result result;
        assert_int_equal(fit(&given, &options, beta, &result), 0);
        assert_true(result.converged);

        plain at = plain_evaluate(&given, 0.0, beta);
        double objective = at.loss;
        for (size_t i = 0; i < H; i++)
            for (size_t j = 0; j < H; j++) {
                prior[i * H + j] = matrix[i * H + j] + (i == j ? precision : 0.0);
                at.gradient[i] += prior[i * H + j] * (beta[j] - mean[j]);
                at.hessian[i * H + j] += prior[i * H + j];
                objective += 0.5 * (beta[i] - mean[i]) * prior[i * H + j] * (beta[j] - mean[j]);
            }
        assert_true(plain_length(H, at.gradient) < 1e-9 * at.gradient_scale);
        assert_close(result.loss, at.loss / 100.0, 1e-10);
        assert_close(result.logdet, plain_logdet(H, at.hessian), 1e-6);
        double evidence =
            -objective + 0.5 * plain_logdet(H, prior) - 0.5 * plain_logdet(H, at.hessian);
        assert_close(result.log_evidence, evidence, 1e-6);
        problem_free(&given.made);
        problem_free(&others.made);
    }
}

static void a_start_worse_than_the_mean_is_replaced_by_it(void **state) {
    (void)state;
    answered given;
    answered_init(&given, 20, ITEMS, H, N, 0.5);
    fi_refit_options options = fi_refit_defaults();
    fi_refit_result from_mean, from_zero, from_far, from_unknown;
    double mean[H] = {0}, expected[H], zero[H] = {0}, far[H], unknown[H] = {NAN};
    assert_int_equal(fit(&given, &options, mean, &from_mean), 0);
    for (size_t j = 0; j < H; j++)
        far[j] = -10.0 * mean[j];
    given.targets[0] = 1.0f - given.targets[0];
    options.prior_mean = mean;
    memcpy(expected, mean, sizeof(mean));
    assert_int_equal(fit(&given, &options, expected, &from_mean), 0);
    assert_int_equal(fit(&given, &options, zero, &from_zero), 0);
    assert_int_equal(fit(&given, &options, far, &from_far), 0);
    assert_int_equal(fit(&given, &options, unknown, &from_unknown), 0);
    assert_memory_equal(zero, expected, sizeof(expected));
    assert_memory_equal(far, expected, sizeof(expected));
    assert_memory_equal(unknown, expected, sizeof(expected));
    assert_int_equal(from_far.iterations, from_mean.iterations);
    problem_free(&given.made);
}

static void an_invalid_prior_is_refused(void **state) {
    (void)state;
    answered given;
    answered_init(&given, 21, ITEMS, H, 100, 0.3);
    double mean[H] = {0}, beta[H] = {0}, chosen = 1.0;
    FD_CLEANUP(fi_information_freep)
    fi_information *known = information_of(&given.made.candidates);
    FD_CLEANUP(fi_information_freep) fi_information *wide = NULL;
    assert_int_equal(fi_information_new(H + 1, &wide), 0);
    fi_refit_options options = fi_refit_defaults();
    fi_refit_result result;
    given.made.features[given.made.pairs[0].a * H] = INFINITY;
    FD_CLEANUP(fi_information_freep)
    fi_information *infinite = information_of(&given.made.candidates);
    given.made.features[given.made.pairs[0].a * H] = 1.0f;
    options.prior_information = infinite;
    assert_int_equal(fit(&given, &options, beta, &result), -EINVAL);
    options.prior_information = wide;
    assert_int_equal(fit(&given, &options, beta, &result), -EINVAL);
    options.prior_information = NULL;
    options.prior_mean = mean;
    mean[H - 1] = NAN;
    assert_int_equal(fit(&given, &options, beta, &result), -EINVAL);
    mean[H - 1] = 0.0;
    given.answers.count = 0;
    assert_int_equal(fit(&given, &options, beta, &result), -EINVAL);
    given.answers.count = 100;

    /* The grid and the evidence only take lambda. */
    for (int kind = 0; kind < 2; kind++) {
        options.prior_mean = kind == 0 ? mean : NULL;
        options.prior_information = kind == 0 ? NULL : known;
        assert_int_equal(fit(&given, &options, beta, &result), 0);
        assert_int_equal(fi_refit_evidence(ITEMS, H, given.made.features, &given.answers, &options,
                                           beta, &chosen, &result),
                         -EINVAL);
        assert_int_equal(fi_refit_best(ITEMS, H, given.made.features, &given.answers,
                                       (double[]){1.0}, 1, NULL, &options, beta, &chosen, &result),
                         -EINVAL);
    }
    problem_free(&given.made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fit_to_old_answers_is_the_prior_of_new_ones),
        cmocka_unit_test(fits_in_turn_equal_one_fit_if_the_loss_is_a_parabola),
        cmocka_unit_test(a_fit_with_any_prior_solves_the_equations),
        cmocka_unit_test(a_start_worse_than_the_mean_is_replaced_by_it),
        cmocka_unit_test(an_invalid_prior_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
