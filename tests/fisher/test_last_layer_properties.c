/* Properties of the fit of a last layer: it solves the equations that its header states. */
#include "answered.h"

#include <errno.h>

FD_DEFINE_CLEANUP(fi_information, fi_information_free)

/* ---- under a given precision ---- */

static const struct {
    size_t items, h, answers;
    double precision;
} sizes[] = {
    {2, 1, 1, 1.0},       {40, 1, 300, 0.1},  {300, 8, 20, 0.01},   {30, 8, 500, 1.0},
    {600, 24, 600, 30.0}, {600, 24, 10, 1.0}, {25, 24, 600, 0.001}, {50, 5, 200, 1e6},
};

static void a_fit_is_that_of_plain_newton_from_zero(void **state) {
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(sizes); i++) {
        size_t h = sizes[i].h;
        double precision = sizes[i].precision, expected[WIDEST];
        answered given;
        answered_init(&given, i, sizes[i].items, h, sizes[i].answers, 0.3);
        LAYER *layer = fit_under(&given, precision);
        plain best = plain_newton(&given, precision, expected);
        double logdet = plain_logdet(h, best.hessian);
        assert_true(layer->converged);
        assert_true(layer->iterations > 0 && layer->iterations <= 10);
        assert_same_beta(h, layer->beta, expected, 1e-9);
        assert_close(layer->loss, best.loss / (double)sizes[i].answers, 1e-10);
        assert_close(plain_logdet(h, layer->covariance), -logdet, 1e-6);
        double evidence = -best.objective + (double)h / 2.0 * log(precision) - logdet / 2.0;
        assert_close(layer->log_evidence, evidence, 1e-6);
        plain end = plain_evaluate(&given, precision, layer->beta);
        assert_true(plain_length(h, end.gradient) < 1e-10 * end.gradient_scale);
        problem_free(&given.made);
    }
}

/* Answers with sides and reliabilities, and blocks whose priors differ. */
enum { H = 6, BLOCKS = 3, ITEMS = 40, N = 150 };
static const fi_block unlike[BLOCKS] = {
    {.first = 0, .count = 3, .mean = 0.0, .guess = 3.0, .shape = INFINITY},
    {.first = 3, .count = 1, .mean = 0.7, .guess = 0.5, .shape = INFINITY},
    {.first = 4, .count = 2, .mean = -0.2, .guess = 20.0, .shape = INFINITY}};

struct circumstances {
    answered given;
    float sides[N], reliabilities[N];
};

static void add_circumstances(struct circumstances *made, uint64_t seed) {
    fd_rng rng = fd_rng_seeded(seed);
    answered_init(&made->given, 300 + seed, ITEMS, H, N, 0.5);
    for (size_t i = 0; i < N; i++) {
        made->sides[i] = (float)fd_rng_below(&rng, 3) - 1.0f;
        made->reliabilities[i] = (float)(1.5 * fd_rng_uniform(&rng) - 0.25);
    }
    made->given.answers.sides = made->sides;
    made->given.answers.reliabilities = made->reliabilities;
}

/* J as last_layer.h has it; the side is the last coefficient. */
static double objective_of(const struct circumstances *made, double effect, const double *beta) {
    const fi_answers *answers = &made->given.answers;
    double loss = 0.0, penalty = 4.0 * beta[H] * beta[H], difference[H];
    for (size_t i = 0; i < N; i++) {
        double z = (double)made->sides[i] * beta[H];
        problem_difference(&made->given.made.candidates, i, difference);
        for (size_t j = 0; j < H; j++)
            z += difference[j] * beta[j];
        z *= (double)made->reliabilities[i];
        loss += log(1.0 + exp(z)) - (double)answers->targets[i] * z;
    }
    for (size_t g = 0; g < BLOCKS; g++)
        for (size_t j = unlike[g].first; j < unlike[g].first + unlike[g].count; j++)
            penalty += unlike[g].guess * pow(beta[j] - unlike[g].mean, 2.0);
    return loss / effect + penalty / 2.0;
}

static double moved(const struct circumstances *made, double effect, const double *beta, size_t i,
                    double by, size_t j, double and_by) {
    double at[H + 1];
    memcpy(at, beta, sizeof(at));
    at[i] += by;
    at[j] += and_by;
    return objective_of(made, effect, at);
}

static void finite_differences_of_j_give_a_gradient_of_zero_and_the_covariance(void **state) {
    (void)state;
    enum { P = H + 1 };
    const double step = 1e-3;
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct circumstances made;
        add_circumstances(&made, seed);
        fi_last_layer_options options = options_of(unlike, BLOCKS);
        options.rounds = 0;
        options.design_effect = 1.0 + (double)(seed % 3);
        LAYER *layer = fit_with(&made.given, &options, NULL);
        double beta[P], hessian[P * P], inverse[P * P], effect = options.design_effect;
        memcpy(beta, layer->beta, H * sizeof(*beta));
        beta[H] = layer->side;
        for (size_t i = 0; i < P; i++) {
            double slope = (moved(&made, effect, beta, i, step, i, 0.0) -
                            moved(&made, effect, beta, i, -step, i, 0.0)) /
                           (2.0 * step);
            assert_close(slope, 0.0, 1e-4);
            for (size_t j = 0; j < P; j++)
                hessian[i * P + j] = (moved(&made, effect, beta, i, step, j, step) -
                                      moved(&made, effect, beta, i, step, j, -step) -
                                      moved(&made, effect, beta, i, -step, j, step) +
                                      moved(&made, effect, beta, i, -step, j, -step)) /
                                     (4.0 * step * step);
        }
        (void)plain_invert(P, hessian, inverse);
        for (size_t i = 0; i < H; i++)
            for (size_t j = 0; j < H; j++)
                assert_close(layer->covariance[i * H + j], inverse[i * P + j], 1e-4);
        assert_close(layer->side_stddev, sqrt(inverse[P * P - 1]), 1e-4);
        assert_true(fabs(layer->side) > 1e-3);
        problem_free(&made.given.made);
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
            LAYER *layer = fit_under(&given, precisions[i]);
            double expected = integrated_evidence(&given, precisions[i]);
            if (!(fabs(layer->log_evidence - expected) < 0.03))
                fail_msg("%g, expected %g", layer->log_evidence, expected);
            problem_free(&given.made);
        }
    }
}

static void what_a_fit_knows_is_the_design_matrix_of_its_answers(void **state) {
    (void)state;
    answered given;
    answered_init(&given, 3, ITEMS, H, 200, 0.3);
    LAYER *layer = fit_under(&given, 2.0);
    FD_CLEANUP(fi_information_freep) fi_information *known = NULL;
    assert_int_equal(fi_last_layer_information(layer, &known), 0);
    for (size_t i = 0; i < ITEMS; i++) {
        double reward = 0.0;
        for (size_t j = 0; j < H; j++)
            reward += layer->beta[j] * (double)given.made.features[i * H + j];
        given.made.rewards[i] = (float)reward;
    }
    FD_CLEANUP(fi_information_freep)
    fi_information *information = information_of(&given.made.candidates);
    double *design = plain_design(H, information, 2.0);
    for (size_t i = 0; i < H * H; i++)
        assert_close(fi_information_matrix(known)[i], design[i], 1e-6);
    free(design);

    layer->covariance[0] = -1.0;
    fi_information *none = NULL;
    assert_int_equal(fi_last_layer_information(layer, &none), -EDOM);
    assert_null(none);
    problem_free(&given.made);
}

static void a_stronger_prior_shortens_beta(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        answered given;
        answered_init(&given, 100 + seed, 30, 1 + seed % 7, 20 + 10 * seed, 0.5);
        double before = INFINITY;
        for (double precision = 1e-3; precision <= 1e6; precision *= 10.0) {
            LAYER *layer = fit_under(&given, precision);
            double length = plain_length(1 + seed % 7, layer->beta);
            assert_true(length > 0.0 && length < before);
            before = length;
        }
        problem_free(&given.made);
    }
}

/* J / D has its least value at the same place as J with lambda D. */
static void a_design_effect_strengthens_the_prior_and_widens_the_covariance(void **state) {
    (void)state;
    answered given;
    answered_init(&given, 4, ITEMS, H, 200, 0.3);
    fi_block block = block_under(&given, 2.0);
    fi_last_layer_options options = options_of(&block, 1);
    options.design_effect = 3.5;
    LAYER *layer = fit_with(&given, &options, NULL);
    LAYER *stronger = fit_under(&given, 7.0);
    assert_same_beta(H, layer->beta, stronger->beta, 1e-9);
    for (size_t i = 0; i < H * H; i++)
        assert_close(layer->covariance[i], 3.5 * stronger->covariance[i], 1e-9);
    problem_free(&given.made);
}

/* ---- starts and steps ---- */

static void a_start_near_the_end_saves_steps_and_a_bad_one_does_no_harm(void **state) {
    (void)state;
    answered given;
    answered_init(&given, 5, 100, H, 400, 0.5);
    fi_block block = block_under(&given, 1.0);
    fi_last_layer_options options = options_of(&block, 1);
    LAYER *cold = fit_with(&given, &options, NULL);
    given.answers.count = 390;
    LAYER *before = fit_with(&given, &options, NULL);
    given.answers.count = 400;
    LAYER *warm = fit_with(&given, &options, before);
    LAYER *again = fit_with(&given, &options, cold);
    assert_true(warm->iterations < cold->iterations);
    assert_same_beta(H, warm->beta, cold->beta, 1e-7);
    assert_true(again->iterations <= 2); /* one of each round */

    for (int kind = 0; kind < 4; kind++) {
        for (size_t j = 0; j < H; j++)
            before->start[j] = kind == 0 ? -1e8 * cold->beta[j] : kind == 1 ? NAN : cold->beta[j];
        before->precisions[0] = kind == 2 ? NAN : kind == 3 ? -1.0 : 1.0;
        LAYER *bad = fit_with(&given, &options, before);
        assert_same_beta(H, bad->beta, cold->beta, 1e-9);
        assert_true(bad->iterations <= cold->iterations);
    }
    problem_free(&given.made);
}

static void a_start_with_other_columns_or_blocks_is_left_aside(void **state) {
    (void)state;
    answered given, narrow;
    answered_init(&given, 5, 100, H, 200, 0.5);
    answered_init(&narrow, 5, 100, H - 1, 200, 0.5);
    fi_last_layer_options options = options_of(unlike, BLOCKS);
    LAYER *cold = fit_with(&given, &options, NULL);
    LAYER *one_block = fit_under(&given, 1.0);
    LAYER *few_columns = fit_under(&narrow, 1.0);
    LAYER *first = fit_with(&given, &options, one_block);
    LAYER *second = fit_with(&given, &options, few_columns);
    assert_memory_equal(first->beta, cold->beta, H * sizeof(double));
    assert_memory_equal(second->beta, cold->beta, H * sizeof(double));
    problem_free(&given.made);
    problem_free(&narrow.made);
}

/* If almost no answer is in doubt, J is nearly straight, and a full step goes much too far. */
static void a_step_that_goes_too_far_is_halved(void **state) {
    (void)state;
    enum { ANSWERS = 100 };
    float features[ANSWERS + 1] = {0}, targets[ANSWERS];
    fi_pair pairs[ANSWERS];
    for (uint32_t i = 0; i < ANSWERS; i++) {
        features[i + 1] = i == 0 ? 200.0f : 5.0f;
        pairs[i] = (fi_pair){i + 1, 0};
        targets[i] = i == 0 ? 0.9f : 1.0f;
    }
    fi_answers answers = {.count = ANSWERS, .pairs = pairs, .targets = targets};
    fi_block block = {.count = 1, .guess = 1e-3, .shape = INFINITY};
    fi_last_layer_options options = options_of(&block, 1);
    LAYER *start = NULL, *layer = NULL;
    assert_int_equal(fi_last_layer_new(1, 1, &start), 0);
    start->start[0] = 2.0;
    assert_int_equal(fi_last_layer_fit(ANSWERS + 1, 1, features, &answers, &options, start, &layer),
                     0);
    double beta = layer->beta[0];
    assert_true(layer->converged && beta > 0.6 && beta < 0.7);
    double slope = 1e-3 * beta + 200.0 * (fi_probability(200.0 * beta) - (double)targets[0]) -
                   (ANSWERS - 1) * 5.0 * fi_probability(-5.0 * beta);
    assert_true(fabs(slope) < 1e-9);
}

static void a_fit_takes_no_more_steps_than_allowed(void **state) {
    (void)state;
    answered given;
    answered_init(&given, 11, 50, H, 300, 1.0);
    fi_block block = block_under(&given, 0.01);
    fi_last_layer_options options = options_of(&block, 1);
    options.rounds = 0;
    for (options.iterations = 0; options.iterations <= 2; options.iterations++) {
        LAYER *layer = fit_with(&given, &options, NULL);
        assert_int_equal(layer->iterations, options.iterations);
        assert_false(layer->converged);
        plain at = plain_evaluate(&given, 0.01, layer->beta);
        assert_close(layer->loss, at.loss / 300.0, 1e-12);
        assert_close(plain_logdet(H, layer->covariance), -plain_logdet(H, at.hessian), 1e-10);
    }
    problem_free(&given.made);
}

struct patience {
    int left;
};

static bool loses_patience(void *context) {
    struct patience *patience = context;
    return patience->left-- > 0;
}

static void a_fit_can_be_cancelled_at_any_step(void **state) {
    (void)state;
    answered given;
    answered_init(&given, 12, ITEMS, H, N, 0.5);
    fi_block block = block_under(&given, 2.0);
    block.shape = 1.0;
    fi_last_layer_options options = options_of(&block, 1);
    options.design_effect = 0.0;
    struct patience patience = {1000};
    options.go_on = loses_patience;
    options.context = &patience;
    LAYER *layer = fit_with(&given, &options, NULL);
    int steps = 1000 - patience.left;
    assert_true(steps > 10);
    for (int allowed = 0; allowed < steps; allowed++) {
        patience.left = allowed;
        fi_last_layer *none = NULL;
        assert_int_equal(
            fi_last_layer_fit(ITEMS, H, given.made.features, &given.answers, &options, NULL, &none),
            -ECANCELED);
        assert_null(none);
        assert_int_equal(patience.left, -1);
    }
    problem_free(&given.made);
}

/* ---- unusual input ---- */

static void extreme_input_ends_with_finite_numbers(void **state) {
    (void)state;
    enum { WIDTH = 12, COUNT = 100, KINDS = 9 };
    static const double precisions[] = {1e-6, 1.0, 1e9};
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < 2 * FD_LENGTH(precisions); i++) {
            answered given;
            answered_init(&given, (uint64_t)kind, ITEMS, WIDTH, COUNT, 0.3);
            for (size_t j = 0; j < ITEMS * WIDTH; j++)
                given.made.features[j] *= kind == 0   ? 1e6f
                                          : kind == 1 ? 1e-20f
                                          : kind == 2 ? 0.0f
                                          : kind == 3 ? (j % WIDTH == 0 ? 1e6f : 1e-3f)
                                          : kind == 8 ? 1e30f
                                                      : 1.0f;
            for (size_t j = 0; j < COUNT; j++) {
                fi_pair *pair = &given.made.pairs[j];
                if (kind == 0 || kind == 4) /* separable */
                    given.targets[j] =
                        given.made.features[pair->a * WIDTH] > given.made.features[pair->b * WIDTH];
                if (kind == 5) /* ties */
                    given.targets[j] = 0.5f;
                if (kind == 6) { /* one pair with contradicting answers */
                    *pair = (fi_pair){j % 2, 1 - j % 2};
                    given.targets[j] = 1.0f;
                }
                if (kind == 7) /* pairs of an item with itself */
                    pair->b = pair->a;
            }
            fi_block block = block_under(&given, precisions[i / 2]);
            block.shape = i % 2 ? 1.0 : INFINITY; /* by the evidence, or as it is */
            fi_last_layer_options options = options_of(&block, 1);
            options.design_effect = i % 2 ? 0.0 : 1.0;
            for (size_t count = 1; count <= COUNT; count += COUNT - 1) {
                given.answers.count = count;
                LAYER *layer = fit_with(&given, &options, NULL);
                assert_true(isfinite(plain_length(WIDTH, layer->beta)));
                assert_true(isfinite(layer->log_evidence) && isfinite(layer->loss));
                assert_true(layer->loss <= log(2.0) + 1e-12);
                assert_true(layer->precisions[0] >= FI_PRECISION_LEAST);
                assert_true(layer->precisions[0] <= FI_PRECISION_MOST);
                for (size_t j = 0; j < WIDTH; j++)
                    assert_true(layer->covariance[j * WIDTH + j] > 0.0);
            }
            problem_free(&given.made);
        }
}

static void features_that_are_not_finite_and_widths_out_of_bounds_are_refused(void **state) {
    (void)state;
    answered given;
    answered_init(&given, 12, ITEMS, H, 20, 0.3);
    given.made.pairs[19] = (fi_pair){0, 1};
    fi_block block = block_under(&given, 1.0);
    fi_last_layer_options options = options_of(&block, 1);
    fi_last_layer *none = NULL;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < FD_LENGTH(bad); i++) {
        given.made.features[H + 1] = bad[i];
        assert_int_equal(
            fi_last_layer_fit(ITEMS, H, given.made.features, &given.answers, &options, NULL, &none),
            -EINVAL);
    }
    given.made.features[H + 1] = 1.0f;
    static const size_t widths[] = {0, FI_WIDTH_MAX, FI_WIDTH_MAX + 1};
    for (size_t i = 0; i < FD_LENGTH(widths); i++) {
        block.count = (uint32_t)widths[i];
        assert_int_equal(fi_last_layer_fit(1, widths[i], given.made.features, &(fi_answers){0},
                                           &options, NULL, &none),
                         -EINVAL);
    }
    assert_null(none);
    problem_free(&given.made);
}

/* ---- precisions by the evidence ---- */

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

/* ---- other functions ---- */

static void a_copy_is_independent_and_the_same(void **state) {
    (void)state;
    struct circumstances made;
    add_circumstances(&made, 1);
    fi_last_layer_options options = options_of(unlike, BLOCKS);
    LAYER *layer = fit_with(&made.given, &options, NULL);
    LAYER *copy = NULL;
    assert_int_equal(fi_last_layer_copy(layer, &copy), 0);
    assert_memory_equal(copy->blocks, layer->blocks, sizeof(unlike));
    assert_memory_equal(copy->covariance, layer->covariance, H * H * sizeof(double));
    assert_true(copy->side == layer->side && copy->side_stddev == layer->side_stddev);
    assert_true(copy->loss == layer->loss && copy->log_evidence == layer->log_evidence);
    assert_true(copy->design_effect == layer->design_effect && copy->converged);
    double kept = copy->beta[0];
    layer->beta[0]++;
    assert_true(copy->beta[0] == kept && copy->blocks != layer->blocks);
    problem_free(&made.given.made);
}

static void the_mean_square_is_that_of_the_items_that_answers_name(void **state) {
    (void)state;
    const float features[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    fi_answers answers = {.count = 2, .pairs = (fi_pair[]){{0, 1}, {1, 0}}};
    assert_close(fi_mean_square(3, 3, features, &answers, 1, 2), (13.0 + 61.0) / 2.0, 1e-12);
    assert_close(fi_mean_square(3, 3, features, &(fi_answers){0}, 0, 1), (1.0 + 16.0 + 49.0) / 3.0,
                 1e-12);
    assert_true(fi_mean_square(0, 3, features, &(fi_answers){0}, 0, 1) == 0.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fit_is_that_of_plain_newton_from_zero),
        cmocka_unit_test(finite_differences_of_j_give_a_gradient_of_zero_and_the_covariance),
        cmocka_unit_test(the_evidence_is_the_integral_over_beta),
        cmocka_unit_test(what_a_fit_knows_is_the_design_matrix_of_its_answers),
        cmocka_unit_test(a_stronger_prior_shortens_beta),
        cmocka_unit_test(a_design_effect_strengthens_the_prior_and_widens_the_covariance),
        cmocka_unit_test(a_start_near_the_end_saves_steps_and_a_bad_one_does_no_harm),
        cmocka_unit_test(a_start_with_other_columns_or_blocks_is_left_aside),
        cmocka_unit_test(a_step_that_goes_too_far_is_halved),
        cmocka_unit_test(a_fit_takes_no_more_steps_than_allowed),
        cmocka_unit_test(a_fit_can_be_cancelled_at_any_step),
        cmocka_unit_test(extreme_input_ends_with_finite_numbers),
        cmocka_unit_test(features_that_are_not_finite_and_widths_out_of_bounds_are_refused),
        cmocka_unit_test(the_precision_is_a_fixed_point_and_close_to_the_most_probable),
        cmocka_unit_test(answers_that_tell_nothing_keep_the_guess),
        cmocka_unit_test(the_precision_settles_for_answers_at_the_level_of_noise),
        cmocka_unit_test(a_fit_that_did_not_settle_says_so),
        cmocka_unit_test(a_copy_is_independent_and_the_same),
        cmocka_unit_test(the_mean_square_is_that_of_the_items_that_answers_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
