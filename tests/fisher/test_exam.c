/* The exam and its forecast, the length baseline, and what choosing taught. */
#include <errno.h>

#include "folds.h"
#include "learn_world.h"

enum { ANSWERS = 300 };

/* Prompts of the answers, three in a row to each. */
static void add_clusters(world *from, uint32_t *clusters) {
    for (size_t i = 0; i < from->answers.count; i++)
        clusters[i] = (uint32_t)(i / 3);
    from->answers.clusters = clusters;
}

static double loss_of(double logit, float target) {
    return log1p(exp(-fabs(logit))) + fmax(logit, 0.0) - (double)target * logit;
}

/* ---- the exam ---- */

/* The same with calls of fi_learn alone. */
static void stages_learn_from_the_first_part_of_the_other_folds(void **state) {
    (void)state;
    WORLD from = world_new(5, 200, 6, ANSWERS, along_the_axes);
    uint32_t clusters[ANSWERS];
    uint8_t folds[ANSWERS];
    add_clusters(&from, clusters);
    fi_learn_options options = options_for(&from, FI_KIND_LINEAR);
    options.cross_fits = true;
    LEARNED learned = learn(&from, &options);
    assert_int_equal(fi_folds_assign(&from.answers, folds), 0);
    double losses[ANSWERS][FI_EXAM_STAGES], counts[FI_EXAM_STAGES] = {0};
    options.cross_fits = false;
    for (uint8_t fold = 0; fold < FI_FOLDS; fold++) {
        FD_CLEANUP(fi_part_clear) fi_part others = {0};
        assert_int_equal(fi_part_init(&others, &from.answers, folds, fold, false), 0);
        for (size_t k = 0; k < FI_EXAM_STAGES; k++) {
            fi_answers first = others.answers;
            first.count = (size_t)ceil(exp2((double)k - 3.0) * (double)first.count);
            counts[k] += (double)first.count / FI_FOLDS;
            LEARNED part = {0};
            assert_int_equal(fi_learn(from.n_items, from.items, NULL, &first, learned.model, NULL,
                                      &options, &part),
                             0);
            FD_FREE float *rewards = rewards_by(&from, part.model);
            for (size_t i = 0; i < ANSWERS; i++)
                if (folds[i] == fold)
                    losses[i][k] =
                        loss_of((double)rewards[from.pairs[i].a] - (double)rewards[from.pairs[i].b],
                                from.targets[i]);
        }
    }
    const fi_exam *exam = &learned.exam;
    assert_int_equal(exam->answers, ANSWERS);
    double means[FI_EXAM_STAGES] = {0};
    for (size_t i = 0; i < ANSWERS * FI_EXAM_STAGES; i++)
        means[i % FI_EXAM_STAGES] += losses[i / FI_EXAM_STAGES][i % FI_EXAM_STAGES] / ANSWERS;
    for (size_t k = 0; k < FI_EXAM_STAGES; k++) {
        assert_near(exam->labels[k], counts[k], 1e-9);
        assert_near(exam->losses[k], means[k], 1e-5);
    }
    for (size_t k = 0; k < FI_EXAM_STAGES - 1; k++)
        for (size_t l = 0; l < FI_EXAM_STAGES - 1; l++) {
            double sum = 0;
            for (size_t g = 0; g < ANSWERS / 3; g++) {
                double a = 0, b = 0;
                for (size_t i = 3 * g; i < 3 * g + 3; i++) {
                    a += losses[i][k] - losses[i][3] - means[k] + means[3];
                    b += losses[i][l] - losses[i][3] - means[l] + means[3];
                }
                sum += a * b;
            }
            double expected = sum / ANSWERS / ANSWERS * 100.0 / 99.0;
            assert_near(exam->covariance[k][l], expected, 1e-4 * fabs(expected) + 1e-9);
        }
}

static void few_answers_hold_no_exam(void **state) {
    (void)state;
    for (size_t count = FI_EXAM_LEAST - 1; count <= FI_EXAM_LEAST; count++) {
        WORLD from = world_new(5, 100, 3, count, along_the_axes);
        fi_learn_options options = options_for(&from, FI_KIND_LINEAR);
        options.cross_fits = true;
        LEARNED learned = learn(&from, &options);
        assert_int_equal(learned.exam.answers, count < FI_EXAM_LEAST ? 0 : count);
        fi_curve curve;
        assert_int_equal(fi_exam_fit(&learned.exam, 100, &curve),
                         count < FI_EXAM_LEAST ? -ENODATA : 0);
    }
}

static void a_network_is_examined_on_the_folds_that_were_tried(void **state) {
    (void)state;
    WORLD from = world_new(4, 200, 2, 400, exclusive_or);
    fi_learn_options options = options_for(&from, FI_KIND_NETWORK);
    options.train.learning_rate = 1e-2;
    options.train.iterations = 200;
    options.cross_fits = true;
    LEARNED learned = learn(&from, &options);
    assert_int_equal(learned.exam.answers, learned.tried);
    assert_near(learned.exam.losses[3], learned.network_loss, 1e-9);
    assert_true(learned.exam.losses[0] > learned.exam.losses[3] + 0.1);
}

/* ---- the forecast ---- */

static fi_exam exam_of(double floor, double scale, double exponent, double variance) {
    fi_exam exam = {.answers = 1000};
    for (size_t k = 0; k < FI_EXAM_STAGES; k++) {
        exam.labels[k] = 800 * exp2((double)k - 3);
        exam.losses[k] = floor + scale * pow(exam.labels[k], -exponent);
        if (k < FI_EXAM_STAGES - 1)
            exam.covariance[k][k] = variance;
    }
    return exam;
}

static void a_power_law_is_found_again_and_extrapolated(void **state) {
    (void)state;
    fi_exam exam = exam_of(0.4, 2, 0.5, 1e-12);
    fi_curve curve;
    assert_int_equal(fi_exam_fit(&exam, 1000, &curve), 0);
    assert_near(curve.floor, 0.4, 1e-9);
    assert_near(curve.scale, 2, 1e-9);
    assert_near(curve.exponent, 0.5, 1e-12);
    assert_near(curve.loss_now, 0.4 + 2 / sqrt(1000), 1e-9);
    assert_near(curve.fall, 2 / sqrt(1000) - 2 / sqrt(2000), 1e-9);
    assert_true(curve.fall_high >= curve.fall && curve.fall_high < curve.fall + 1e-3);
}

static void the_upper_end_of_the_fall_rises_with_the_noise(void **state) {
    (void)state;
    double before = 0;
    for (double error = 1e-3; error < 0.1; error *= 4) {
        fi_exam exam = exam_of(0.4, 2, 0.5, error * error);
        fi_curve curve;
        assert_int_equal(fi_exam_fit(&exam, 1000, &curve), 0);
        assert_near(curve.fall, 2 / sqrt(1000) - 2 / sqrt(2000), 1e-6);
        assert_true(curve.fall_high > before);
        before = curve.fall_high;
    }
}

static void a_loss_that_rises_is_not_expected_to_fall(void **state) {
    (void)state;
    fi_exam exam = exam_of(0.6, 0, 0.5, 1e-6);
    for (size_t k = 0; k < FI_EXAM_STAGES; k++)
        exam.losses[k] += 0.01 * (double)k;
    fi_curve curve;
    assert_int_equal(fi_exam_fit(&exam, 1000, &curve), 0);
    assert_true(curve.fall == 0);
    assert_true(curve.fall_high < 1e-3);
    exam.covariance[1][1] = NAN;
    assert_int_equal(fi_exam_fit(&exam, 1000, &curve), -EDOM);
}

/* The mean loss of fresh answers, over all that people could have given. */
static double true_loss(const world *from, const fi_model *model) {
    FD_FREE float *rewards = rewards_by(from, model);
    double sum = 0;
    for (size_t i = 0; i < FRESH; i++) {
        fi_pair pair = from->fresh.pairs[i];
        double p = 1 / (1 + exp(from->rewards[pair.b] - from->rewards[pair.a]));
        sum += loss_of((double)rewards[pair.a] - (double)rewards[pair.b], (float)p);
    }
    return sum / FRESH;
}

static void the_forecast_holds_where_it_can_be_checked(void **state) {
    (void)state;
    enum { WORLDS = 60 };
    size_t covered = 0;
    double error = 0, mean = 0;
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        WORLD from = world_new(seed, 400, 8, 2 * ANSWERS, along_the_axes);
        fi_learn_options options = options_for(&from, FI_KIND_LINEAR);
        LEARNED twice = learn(&from, &options);
        options.cross_fits = true;
        from.answers.count = ANSWERS;
        LEARNED learned = learn(&from, &options);
        fi_curve curve;
        assert_int_equal(fi_exam_fit(&learned.exam, ANSWERS, &curve), 0);
        double fall = true_loss(&from, learned.model) - true_loss(&from, twice.model);
        covered += fall <= curve.fall_high;
        error += (curve.fall - fall) / WORLDS;
        mean += fall / WORLDS;
    }
    assert_true(covered >= WORLDS * 17 / 20);
    assert_true(fabs(error) < mean);
}

/* ---- length ---- */

static void the_length_baseline_is_a_regression_on_the_other_folds(void **state) {
    (void)state;
    WORLD from = world_new(6, 100, 3, ANSWERS, along_the_axes);
    float lengths[100];
    uint8_t folds[ANSWERS];
    for (size_t i = 0; i < 100; i++)
        lengths[i] = i == 7 ? NAN : from.items[3 * i];
    fi_learn_options options = options_for(&from, FI_KIND_LINEAR);
    options.cross_fits = true;
    LEARNED without = learn(&from, &options);
    assert_null(without.length_fitted);
    options.lengths = lengths;
    LEARNED learned = learn(&from, &options);
    assert_int_equal(fi_folds_assign(&from.answers, folds), 0);
    double slopes[FI_FOLDS] = {0}, gradients[FI_FOLDS] = {0};
    for (size_t i = 0; i < ANSWERS; i++) {
        fi_pair pair = from.pairs[i];
        double difference = (double)lengths[pair.a] - (double)lengths[pair.b];
        assert_int_equal(isnan(learned.length_fitted[i]), pair.a == 7 || pair.b == 7);
        if (!isnan(difference))
            slopes[folds[i]] = learned.length_fitted[i] / difference;
    }
    for (size_t i = 0; i < ANSWERS; i++)
        for (uint8_t fold = 0; fold < FI_FOLDS; fold++) {
            double difference = (double)lengths[from.pairs[i].a] - (double)lengths[from.pairs[i].b];
            double p = 1 / (1 + exp(-slopes[fold] * difference));
            if (folds[i] != fold && !isnan(difference))
                gradients[fold] += ((double)from.targets[i] - p) * difference;
        }
    for (size_t fold = 0; fold < FI_FOLDS; fold++) {
        assert_true(slopes[fold] > 0.3);
        assert_near(gradients[fold], 0.01 * slopes[fold], 1e-6);
    }
}

static void answers_that_length_explains_alone_give_finite_slopes(void **state) {
    (void)state;
    WORLD from = world_new(6, 100, 3, ANSWERS, along_the_axes);
    float lengths[100];
    for (size_t i = 0; i < 100; i++)
        lengths[i] = (float)i * 1e-3f;
    for (size_t i = 0; i < ANSWERS; i++)
        from.targets[i] = from.pairs[i].a > from.pairs[i].b ? 1.0f : 0.0f;
    fi_learn_options options = options_for(&from, FI_KIND_LINEAR);
    options.cross_fits = true;
    options.lengths = lengths;
    LEARNED learned = learn(&from, &options);
    for (size_t i = 0; i < ANSWERS; i++)
        assert_true(isfinite(learned.length_fitted[i]) &&
                    (learned.length_fitted[i] > 0) == (from.targets[i] > 0.5f));
}

/* ---- choosing ---- */

/* A third of the answers are to random pairs. Those to chosen pairs are like
 * them, or by chance. */
static fi_choosing choose(uint64_t seed, bool useless) {
    WORLD from = world_new(seed, 200, 6, ANSWERS, along_the_axes);
    uint8_t arms[ANSWERS];
    fd_rng rng = fd_rng_seeded(seed);
    for (size_t i = 0; i < ANSWERS; i++) {
        arms[i] = i % 3 == 0 ? FI_ARM_RANDOM : FI_ARM_CHOSEN;
        if (useless && i % 3 > 0)
            from.targets[i] = fd_rng_uniform(&rng) < 0.5 ? 1.0f : 0.0f;
    }
    fi_learn_options options = options_for(&from, FI_KIND_LINEAR);
    options.cross_fits = true;
    options.arms = arms;
    LEARNED learned = learn(&from, &options);
    return learned.choosing;
}

static void chosen_answers_that_teach_nothing_are_told_apart_from_random_ones(void **state) {
    (void)state;
    fi_choosing choosing = choose(1, true);
    assert_int_equal(choosing.answers, ANSWERS / 3);
    assert_true(choosing.loss_difference < -3 * choosing.stddev);
}

static void a_choice_like_any_other_shows_no_difference(void **state) {
    (void)state;
    enum { SEEDS = 20 };
    double sum = 0, squares = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        fi_choosing choosing = choose(seed, false);
        double ratio = choosing.loss_difference / choosing.stddev;
        sum += ratio;
        squares += ratio * ratio;
    }
    assert_true(fabs(sum / SEEDS) < 3 / sqrt(SEEDS));
    assert_true(squares / SEEDS > 0.3 && squares / SEEDS < 2);
}

static void too_few_random_answers_say_nothing_about_choosing(void **state) {
    (void)state;
    WORLD from = world_new(6, 100, 3, ANSWERS, along_the_axes);
    uint8_t arms[ANSWERS] = {0};
    for (size_t i = 0; i < ANSWERS; i++)
        arms[i] = i < 9 ? FI_ARM_RANDOM : FI_ARM_CHOSEN;
    fi_learn_options options = options_for(&from, FI_KIND_LINEAR);
    options.cross_fits = true;
    options.arms = arms;
    LEARNED learned = learn(&from, &options);
    assert_int_equal(learned.choosing.answers, 0);
    assert_true(isnan(learned.choosing.loss_difference) && isnan(learned.choosing.stddev));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_learn_from_the_first_part_of_the_other_folds),
        cmocka_unit_test(few_answers_hold_no_exam),
        cmocka_unit_test(a_network_is_examined_on_the_folds_that_were_tried),
        cmocka_unit_test(a_power_law_is_found_again_and_extrapolated),
        cmocka_unit_test(the_upper_end_of_the_fall_rises_with_the_noise),
        cmocka_unit_test(a_loss_that_rises_is_not_expected_to_fall),
        cmocka_unit_test(the_forecast_holds_where_it_can_be_checked),
        cmocka_unit_test(the_length_baseline_is_a_regression_on_the_other_folds),
        cmocka_unit_test(answers_that_length_explains_alone_give_finite_slopes),
        cmocka_unit_test(chosen_answers_that_teach_nothing_are_told_apart_from_random_ones),
        cmocka_unit_test(a_choice_like_any_other_shows_no_difference),
        cmocka_unit_test(too_few_random_answers_say_nothing_about_choosing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
