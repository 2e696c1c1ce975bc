/* Properties of the precisions that the evidence finds. */
#include "answered.h"

static fi_last_layer *fit_evidence(const answered *given, double guess, uint32_t rounds,
                                   const fi_last_layer *start) {
    fi_block block = block_under(given, guess);
    block.shape = 1.0;
    fi_last_layer_options options = options_of(&block, 1);
    options.rounds = rounds;
    return fit_with(given, &options, start);
}

/* lambda (|beta|^2 + 2 / guess), divided by the number of determined parameters + 2. */
static double share_of_fixed_point(const answered *given, double guess, double precision,
                                   const double *beta) {
    size_t h = given->made.candidates.n_features;
    double inverse[WIDEST * WIDEST];
    plain at = plain_evaluate(given, precision, beta);
    plain_invert(h, at.hessian, inverse);
    double determined = (double)h + 2.0;
    for (size_t j = 0; j < h; j++)
        determined -= precision * inverse[j * h + j];
    return precision * (pow(plain_length(h, beta), 2.0) + 2.0 / guess) / determined;
}

/* log of the evidence times the density of the guess over log lambda */
static double belief(double log_evidence, double precision, double guess) {
    return log_evidence + log(precision) - precision / guess;
}

static void the_precision_is_a_fixed_point_and_close_to_the_most_probable(void **state) {
    (void)state;
    static const double guesses[] = {0.5, 30.0, 3000.0}, starts[] = {1e-3, 1.0, 1e4};
    for (uint64_t seed = 0; seed < 15; seed++) {
        double guess = guesses[seed % 3];
        answered given;
        answered_init(&given, 300 + seed, 80, 8, 300, 0.3);
        LAYER *start = fit_under(&given, 1.0);
        for (size_t i = 0; i < FD_LENGTH(starts); i++) {
            start->precisions[0] = starts[i];
            LAYER *layer = fit_evidence(&given, guess, 40, start);
            double precision = layer->precisions[0];
            assert_true(layer->converged);
            assert_true(fabs(share_of_fixed_point(&given, guess, precision, layer->beta) - 1.0) <
                        2e-3);
            for (double by = 0.01; by <= 100.0; by *= 1.5) {
                LAYER *other = fit_under(&given, by * precision);
                assert_true(belief(layer->log_evidence, precision, guess) >
                            belief(other->log_evidence, by * precision, guess) - 0.05);
            }
        }
        problem_free(&given.made);
    }
}

static void answers_that_tell_nothing_keep_the_guess(void **state) {
    (void)state;
    enum { WIDTH = 4 };
    static const double guesses[] = {0.3, 7.0, 2e4};
    answered given;
    answered_init(&given, 10, 30, WIDTH, 50, 0.3);
    for (int kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < 50; i++)
            given.targets[i] = kind == 0 ? 0.5f : 1.0f;
        for (size_t i = 0; kind == 1 && i < 30 * WIDTH; i++)
            given.made.features[i] = 1.0f;
        for (size_t i = 0; i < FD_LENGTH(guesses); i++) {
            double guess = guesses[i];
            LAYER *layer = fit_evidence(&given, guess, 400, NULL);
            double precision = layer->precisions[0];
            assert_true(layer->converged);
            if (kind == 0) /* the features are still determined */
                assert_true(precision > guess && precision < guess * (WIDTH + 2.0) / 2.0);
            else
                assert_true(fabs(precision / guess - 1.0) < 1e-3);
            assert_close(layer->loss, log(2.0), 1e-12);
        }
    }
    problem_free(&given.made);
}

/* 55 of 100 answers with one difference: as far from half as chance alone. */
static void the_precision_settles_for_answers_at_the_level_of_noise(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        answered given;
        answered_init(&given, 500 + seed, 200, WIDEST, 10 + 10 * seed, 0.01);
        LAYER *layer = fit_evidence(&given, 10.0, 40, NULL);
        assert_true(layer->converged);
        assert_true(layer->precisions[0] > 1.0 && layer->precisions[0] < 200.0);
        problem_free(&given.made);
    }
    const float features[] = {0.0f, 1.0f};
    fi_pair pairs[100];
    float targets[100];
    for (size_t i = 0; i < 100; i++) {
        pairs[i] = (fi_pair){1, 0};
        targets[i] = i < 55 ? 1.0f : 0.0f;
    }
    fi_answers answers = {.count = 100, .pairs = pairs, .targets = targets};
    fi_block block = {.count = 1, .guess = 10.0, .shape = 1.0};
    fi_last_layer_options options = options_of(&block, 1);
    LAYER *layer = NULL;
    assert_int_equal(fi_last_layer_fit(2, 1, features, &answers, &options, NULL, &layer), 0);
    assert_true(layer->converged);
    assert_true(layer->precisions[0] > 5.0 && layer->precisions[0] < 20.0);
}

static void a_fit_that_did_not_settle_says_so(void **state) {
    (void)state;
    answered given;
    answered_init(&given, 13, 30, 4, 50, 0.3);
    LAYER *hasty = fit_evidence(&given, 1.0, 1, NULL);
    assert_false(hasty->converged);
    LAYER *settled = fit_evidence(&given, 1.0, 40, NULL);
    assert_true(settled->converged);
    problem_free(&given.made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_precision_is_a_fixed_point_and_close_to_the_most_probable),
        cmocka_unit_test(answers_that_tell_nothing_keep_the_guess),
        cmocka_unit_test(the_precision_settles_for_answers_at_the_level_of_noise),
        cmocka_unit_test(a_fit_that_did_not_settle_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
