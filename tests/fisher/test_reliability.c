/* Tests of the slopes of annotators: against golden vectors, plain definitions and simulations. */
#include "crowd_logits.h"
#include "fitted_layer.h"
#include "fitted_reliabilities.h"
#include "golden.h"
#include "rng.h"
#include <errno.h>
#include <fisher/learn.h>
#include <string.h>

FD_DEFINE_CLEANUP(fi_model, fi_model_free)

/* ---- golden vectors ---- */

static const char *const cases[] = {"mixed", "sides", "few_each"};

static void slopes_are_those_of_an_independent_implementation(void **state) {
    (void)state;
    for (size_t c = 0; c < FD_LENGTH(cases); c++) {
        char folder[512];
        (void)snprintf(folder, sizeof(folder), "%s/reliability/%s", FISHERD_GOLDEN, cases[c]);
        GOLDEN features = golden_load(folder, "features");
        GOLDEN rows = golden_load(folder, "answers");
        GOLDEN blocks_read = golden_load(folder, "blocks");
        GOLDEN expected = golden_load(folder, "expected");
        fi_pair pairs[300];
        float targets[300], sides[300];
        uint32_t clusters[300], annotators[300];
        for (size_t i = 0; i < rows.rows; i++) {
            const double *row = rows.values + i * rows.columns;
            pairs[i] = (fi_pair){(uint32_t)row[0], (uint32_t)row[1]};
            targets[i] = (float)row[2];
            sides[i] = (float)row[3];
            clusters[i] = (uint32_t)row[4];
            annotators[i] = (uint32_t)row[5];
        }
        fi_answers answers = {.count = rows.rows,
                              .pairs = pairs,
                              .targets = targets,
                              .sides = sides,
                              .clusters = clusters,
                              .annotators = annotators};
        fi_block blocks[2];
        for (size_t g = 0; g < 2; g++)
            blocks[g] = (fi_block){.first = g == 0 ? 0 : 6,
                                   .count = (uint32_t)blocks_read.values[3 * g],
                                   .mean = blocks_read.values[3 * g + 1],
                                   .guess = blocks_read.values[3 * g + 2],
                                   .shape = INFINITY,
                                   .averaged = g == 1};
        fi_last_layer_options options = fi_last_layer_defaults();
        options.blocks = blocks;
        options.n_blocks = 2;
        options.rounds = 2000;
        FD_CLEANUP(fi_reliabilities_freep) fi_reliabilities *found = NULL;
        assert_int_equal(fi_reliabilities_fit(features.rows, features.columns, features.floats,
                                              &answers, &options, NULL, &found),
                         0);
        assert_int_equal(found->count, expected.rows);
        for (size_t w = 0; w < found->count; w++) {
            assert_near(found->values[w], expected.values[2 * w], 2e-4);
            assert_near(found->stddevs[w], expected.values[2 * w + 1], 2e-4);
        }
    }
}

/* ---- one slope ---- */

static double objective(size_t n, const double *logits, const float *targets, double effect,
                        double x) {
    double sum = (x - 1.0) * (x - 1.0);
    for (size_t i = 0; i < n; i++)
        sum += (log1p(exp(x * logits[i])) - (double)targets[i] * x * logits[i]) / effect;
    return sum;
}

static void a_slope_is_the_lowest_point_of_its_objective(void **state) {
    (void)state;
    fd_rng rng = fd_rng_seeded(5);
    for (int t = 0; t < 200; t++) {
        double logits[50], spread = pow(10.0, (double)(t % 5) - 2.0), x, stddev;
        float targets[50];
        size_t n = (size_t)(t % 50) + 1;
        for (size_t i = 0; i < n; i++) {
            logits[i] = spread * fd_rng_normal(&rng);
            bool follows = t % 3 == 0 || (t % 3 == 1 && fd_rng_uniform(&rng) < 0.5);
            targets[i] = i % 7 == 6 ? 0.5f : (logits[i] > 0.0) == follows ? 1.0f : 0.0f;
        }
        fi_reliability_find(n, logits, targets, 1.0 / 1.5, &x, &stddev);
        assert_true(x >= FI_RELIABILITY_LEAST && x <= FI_RELIABILITY_MOST);
        assert_true(stddev > 0.0 && stddev <= sqrt(0.5) + 1e-12);
        double least = objective(n, logits, targets, 1.5, x);
        for (double other = FI_RELIABILITY_LEAST; other <= FI_RELIABILITY_MOST; other += 1.0 / 64)
            assert_true(least <= objective(n, logits, targets, 1.5, other) + 1e-9);
    }
}

static void without_anything_to_go_by_a_slope_is_that_of_the_prior(void **state) {
    (void)state;
    const double logits[] = {0.0, 0.0};
    const float targets[] = {1.0f, 0.0f};
    double x, stddev;
    fi_reliability_find(2, logits, targets, 1.0, &x, &stddev);
    assert_near(x, 1.0, 0.0);
    assert_near(stddev, sqrt(0.5), 1e-15);
    fi_reliability_find(0, NULL, NULL, 1.0, &x, &stddev);
    assert_near(x, 1.0, 0.0);
}

/* ---- simulated projects ---- */

enum { PROMPTS = 100, RESPONSES = 10, ITEMS = PROMPTS * RESPONSES, WIDTH = 32, MOST = 400 };

typedef struct project {
    float features[2 * ITEMS * WIDTH]; /* the second half is never asked about */
    double truth[2 * ITEMS];
    fi_pair pairs[MOST];
    float targets[MOST];
    float slopes[MOST];
    uint32_t clusters[MOST];
    uint32_t annotators[MOST];
    fi_answers answers;
    fi_block block;
    fi_last_layer_options options;
} project;

/* The first annotators answer at random, the next ones the wrong way round. */
static project *project_new(uint64_t seed, size_t n, uint32_t people, uint32_t random,
                            uint32_t inverted) {
    project *made = calloc(1, sizeof(*made));
    fd_rng rng = fd_rng_seeded(seed);
    double beta[WIDTH];
    assert_non_null(made);
    for (size_t j = 0; j < WIDTH; j++)
        beta[j] = 2.0 * fd_rng_normal(&rng) / sqrt(WIDTH);
    for (size_t i = 0; i < (size_t)2 * ITEMS; i++) {
        for (size_t j = 0; j < WIDTH; j++) {
            float *feature = &made->features[i * WIDTH + j];
            *feature = (float)(fd_rng_normal(&rng) / sqrt(1.0 + (double)j / 8.0));
            made->truth[i] += beta[j] * (double)*feature;
        }
        made->truth[i] += fd_rng_normal(&rng); /* what no feature tells */
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t prompt = (uint32_t)fd_rng_below(&rng, PROMPTS);
        uint32_t a = (uint32_t)fd_rng_below(&rng, RESPONSES);
        uint32_t b = (a + 1 + (uint32_t)fd_rng_below(&rng, RESPONSES - 1)) % RESPONSES;
        made->pairs[i] = (fi_pair){prompt * RESPONSES + a, prompt * RESPONSES + b};
        made->clusters[i] = prompt;
        made->annotators[i] = (uint32_t)fd_rng_below(&rng, people);
        double logit = made->truth[made->pairs[i].a] - made->truth[made->pairs[i].b];
        double x = made->annotators[i] < random              ? 0.0
                   : made->annotators[i] < random + inverted ? -1.0
                                                             : 1.0;
        made->targets[i] = fd_rng_uniform(&rng) < fi_probability(x * logit) ? 1.0f : 0.0f;
    }
    made->answers = (fi_answers){.count = n,
                                 .pairs = made->pairs,
                                 .targets = made->targets,
                                 .clusters = made->clusters,
                                 .annotators = made->annotators};
    double square = fi_mean_square(ITEMS, WIDTH, made->features, &made->answers, 0, WIDTH);
    made->block = (fi_block){.count = WIDTH, .guess = 2.0 * square, .shape = 1.0};
    made->options = fi_last_layer_defaults();
    made->options.blocks = &made->block;
    made->options.n_blocks = 1;
    return made;
}

static fi_reliabilities *slopes_of(project *made) {
    fi_reliabilities *found;
    assert_int_equal(fi_reliabilities_fit(ITEMS, WIDTH, made->features, &made->answers,
                                          &made->options, NULL, &found),
                     0);
    return found;
}

/* Pearson's correlation with the truth over unseen items, after a fit with these slopes. */
static double correlation(project *made, const fi_reliabilities *slopes) {
    FD_CLEANUP(fi_last_layer_freep) fi_last_layer *layer = NULL;
    fi_answers answers = made->answers;
    for (size_t i = 0; i < answers.count; i++)
        made->slopes[i] = (float)fi_reliability(slopes, made->annotators[i]);
    answers.reliabilities = made->slopes;
    assert_int_equal(
        fi_last_layer_fit(ITEMS, WIDTH, made->features, &answers, &made->options, NULL, &layer), 0);
    double x = 0.0, y = 0.0, xx = 0.0, yy = 0.0, xy = 0.0;
    for (size_t i = ITEMS; i < (size_t)2 * ITEMS; i++) {
        double reward = 0.0, truth = made->truth[i];
        for (size_t j = 0; j < WIDTH; j++)
            reward += layer->beta[j] * (double)made->features[i * WIDTH + j];
        x += reward;
        y += truth;
        xx += reward * reward;
        yy += truth * truth;
        xy += reward * truth;
    }
    return (xy - x * y / ITEMS) / sqrt((xx - x * x / ITEMS) * (yy - y * y / ITEMS));
}

typedef struct outcome {
    double gain; /* of the correlation, mean */
    double mattered;
    double honest; /* slope, mean */
    double wrong;
} outcome;

static outcome simulate(size_t projects, size_t n, uint32_t people, uint32_t random,
                        uint32_t inverted) {
    outcome mean = {0};
    for (uint64_t seed = 0; seed < projects; seed++) {
        project *made = project_new(seed, n, people, random, inverted);
        FD_CLEANUP(fi_reliabilities_freep) fi_reliabilities *slopes = slopes_of(made);
        double share = 1.0 / (double)projects;
        mean.mattered += slopes->matter ? share : 0.0;
        if (slopes->matter)
            mean.gain += share * (correlation(made, slopes) - correlation(made, NULL));
        mean.honest += share * slopes->values[people - 1];
        mean.wrong += share * slopes->values[random];
        free(made);
    }
    return mean;
}

static void with_bad_annotators_the_rewards_are_better_with_slopes_than_without(void **state) {
    (void)state;
    outcome found = simulate(40, 200, 10, 3, 1);
    assert_true(found.gain > 0.02);
    assert_true(found.honest > 0.8 && found.wrong < 0.5);
    found = simulate(20, 400, 10, 3, 1);
    assert_true(found.gain > 0.05 && found.mattered > 0.8);
    assert_true(found.honest > 0.8 && found.wrong < -0.2);
}

static void where_all_are_honest_slopes_hardly_ever_matter_and_cost_little(void **state) {
    (void)state;
    for (size_t n = 50; n <= 400; n *= 2) {
        outcome found = simulate(100, n, 10, 0, 0);
        assert_true(found.mattered <= 0.03);
        assert_true(found.gain > -0.002);
    }
}

static void an_annotator_with_few_answers_stays_near_1(void **state) {
    (void)state;
    project *made = project_new(3, 300, 5, 0, 0);
    for (size_t i = 0; i < 300; i++)
        made->annotators[i] = i < 3 ? 5 : made->annotators[i];
    for (size_t i = 0; i < 3; i++) /* all of them wrong */
        made->targets[i] =
            made->truth[made->pairs[i].a] > made->truth[made->pairs[i].b] ? 0.0f : 1.0f;
    FD_CLEANUP(fi_reliabilities_freep) fi_reliabilities *slopes = slopes_of(made);
    assert_true(slopes->values[5] > 0.2 && slopes->stddevs[5] > 0.4);
    assert_false(slopes->matter);
    assert_near(fi_reliability(slopes, 5), 1.0, 0.0);
    free(made);
}

static void the_slope_of_a_single_annotator_is_not_known(void **state) {
    (void)state;
    project *made = project_new(4, 200, 1, 1, 0);
    FD_CLEANUP(fi_reliabilities_freep) fi_reliabilities *slopes = slopes_of(made);
    assert_true(isnan(slopes->values[0]));
    assert_false(slopes->matter);
    assert_near(fi_reliability(slopes, 0), 1.0, 0.0);
    free(made);
}

/* The other annotator has a single answer, so that there is nobody to compare with. */
static void the_slope_of_one_who_answers_nearly_everything_stays_near_1(void **state) {
    (void)state;
    project *made = project_new(5, 300, 1, 0, 1);
    made->annotators[17] = 1;
    FD_CLEANUP(fi_reliabilities_freep) fi_reliabilities *slopes = slopes_of(made);
    assert_near(slopes->values[0], 1.0, 0.2);
    assert_false(slopes->matter);
    free(made);
}

static void neither_the_order_of_answers_nor_that_of_sides_matters(void **state) {
    (void)state;
    project *made = project_new(6, 300, 6, 1, 1);
    FD_CLEANUP(fi_reliabilities_freep) fi_reliabilities *before = slopes_of(made);
    for (size_t i = 0; i < 150; i++) {
        size_t j = 299 - i;
        fi_pair pair = made->pairs[i];
        float target = made->targets[i];
        uint32_t cluster = made->clusters[i], annotator = made->annotators[i];
        made->pairs[i] = (fi_pair){made->pairs[j].b, made->pairs[j].a};
        made->targets[i] = 1.0f - made->targets[j];
        made->clusters[i] = made->clusters[j];
        made->annotators[i] = made->annotators[j];
        made->pairs[j] = pair;
        made->targets[j] = target;
        made->clusters[j] = cluster;
        made->annotators[j] = annotator;
    }
    FD_CLEANUP(fi_reliabilities_freep) fi_reliabilities *after = slopes_of(made);
    assert_int_equal(before->matter, after->matter);
    for (size_t w = 0; w < 6; w++)
        assert_near(after->values[w], before->values[w], 1e-5);
    free(made);
}

static void a_number_without_answers_is_not_known_and_changes_nothing(void **state) {
    (void)state;
    project *made = project_new(7, 300, 6, 1, 1);
    FD_CLEANUP(fi_reliabilities_freep) fi_reliabilities *before = slopes_of(made);
    for (size_t i = 0; i < 300; i++)
        made->annotators[i] = 1000 + 3 * made->annotators[i];
    FD_CLEANUP(fi_reliabilities_freep) fi_reliabilities *after = slopes_of(made);
    assert_int_equal(before->matter, after->matter);
    assert_true(isnan(after->values[0]) && isnan(after->stddevs[1001]));
    for (size_t w = 0; w < 6; w++)
        assert_near(after->values[1000 + 3 * w], before->values[w], 1e-9);
    free(made);
}

static void extreme_answers_give_finite_slopes(void **state) {
    (void)state;
    for (int how = 0; how < 4; how++) {
        project *made = project_new(8, 100, 30, 5, 5);
        for (size_t i = 0; i < 100; i++) {
            made->targets[i] = how == 0 ? 0.5f : how == 1 ? 1.0f : made->targets[i];
            made->pairs[i] = how == 2 ? made->pairs[0] : made->pairs[i];
        }
        for (size_t i = 0; how == 3 && i < (size_t)ITEMS * WIDTH; i++)
            made->features[i] *= 1e6f;
        FD_CLEANUP(fi_reliabilities_freep) fi_reliabilities *slopes = slopes_of(made);
        for (size_t w = 0; w < slopes->count; w++)
            assert_true(isnan(slopes->values[w]) == isnan(slopes->stddevs[w]) &&
                        !isinf(slopes->values[w]) && !(slopes->stddevs[w] <= 0.0));
        free(made);
    }
}

static void wrong_annotators_are_refused(void **state) {
    (void)state;
    project *made = project_new(9, 50, 3, 0, 0);
    fi_reliabilities *found;
    made->annotators[7] = FI_ANNOTATORS_MAX;
    assert_int_equal(fi_reliabilities_fit(ITEMS, WIDTH, made->features, &made->answers,
                                          &made->options, NULL, &found),
                     -EINVAL);
    made->answers.annotators = NULL;
    assert_int_equal(fi_reliabilities_fit(ITEMS, WIDTH, made->features, &made->answers,
                                          &made->options, NULL, &found),
                     -EINVAL);
    free(made);
}

/* ---- leaving answers out ---- */

/* One of few answers and one of more answers than there are features, against a fit without them.
 */
static void the_logits_of_a_crowd_are_those_of_a_fit_without_the_answers(void **state) {
    (void)state;
    for (size_t left = 5; left <= 60; left += 55) {
        project *made = project_new(10, 400, 4, 0, 0);
        FD_CLEANUP(fi_last_layer_freep) fi_last_layer *layer = NULL;
        FD_CLEANUP(fi_last_layer_freep) fi_last_layer *without = NULL;
        FD_CLEANUP(fi_crowd_clear) fi_crowd crowd = {0};
        made->block.shape = INFINITY;
        made->options.design_effect = 1.5;
        for (size_t i = 0; i < 400; i++)
            made->slopes[i] = i % 3 ? 1.0f : 0.5f;
        made->answers.reliabilities = made->slopes;
        assert_int_equal(fi_last_layer_fit(ITEMS, WIDTH, made->features, &made->answers,
                                           &made->options, NULL, &layer),
                         0);
        size_t indices[60];
        for (size_t i = 0; i < left; i++)
            indices[i] = i;
        double logits[60];
        assert_int_equal(fi_crowd_init(&crowd, WIDTH, made->features, &made->answers, layer, left),
                         0);
        double rho = fi_crowd_logits(&crowd, left, indices, logits);
        assert_true(rho > 0.0 && rho < 1.0);
        fi_answers others = made->answers;
        others.count -= left;
        others.pairs += left;
        others.targets += left;
        others.reliabilities += left;
        others.clusters += left;
        assert_int_equal(fi_last_layer_fit(ITEMS, WIDTH, made->features, &others, &made->options,
                                           NULL, &without),
                         0);
        double apart = 0.0, moved = 0.0;
        for (size_t i = 0; i < left; i++) {
            double exact = 0.0, own = 0.0;
            for (size_t j = 0; j < WIDTH; j++) {
                double d = (double)made->features[made->pairs[i].a * WIDTH + j] -
                           (double)made->features[made->pairs[i].b * WIDTH + j];
                exact += d * without->beta[j];
                own += d * layer->beta[j];
            }
            apart += (logits[i] - exact) * (logits[i] - exact);
            moved += (own - exact) * (own - exact);
        }
        assert_true(moved > 0.0 && apart < 0.02 * moved);
        free(made);
    }
}

/* ---- a model ---- */

static void what_is_known_of_annotators_survives_in_the_bytes_of_a_model(void **state) {
    (void)state;
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    FD_CLEANUP(fi_model_freep) fi_model *copy = NULL;
    FD_CLEANUP(fi_model_freep) fi_model *again = NULL;
    FD_CLEANUP(fi_reliabilities_freep) fi_reliabilities *known = NULL;
    const fi_shape shape = {.inputs = 5, .hidden_layers = 0};
    assert_int_equal(fi_model_new(&shape, 1, &model), 0);
    assert_null(fi_model_reliabilities(model));
    assert_int_equal(fi_reliabilities_new(3, &known), 0);
    known->matter = true;
    known->values[0] = -0.25;
    known->stddevs[0] = 0.125;
    known->values[2] = 1.5;
    known->stddevs[2] = 0.25;
    assert_int_equal(fi_model_set_reliabilities(model, known), 0);
    assert_int_equal(fi_model_copy(model, &copy), 0);
    FD_FREE uint8_t *bytes = NULL;
    size_t size;
    assert_int_equal(fi_model_encode(copy, &bytes, &size), 0);
    assert_int_equal(fi_model_decode(bytes, size, &again), 0);
    const fi_reliabilities *read = fi_model_reliabilities(again);
    assert_non_null(read);
    assert_int_equal(read->count, 3);
    assert_true(read->matter && isnan(read->values[1]) && isnan(read->stddevs[1]));
    assert_true(read->values[0] == -0.25 && read->stddevs[2] == 0.25);
    for (size_t cut = 1; cut < 60; cut++) { /* a byte less, or more, is damage */
        FD_CLEANUP(fi_model_freep) fi_model *damaged = NULL;
        assert_int_equal(fi_model_decode(bytes, size - cut, &damaged), -EBADMSG);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slopes_are_those_of_an_independent_implementation),
        cmocka_unit_test(a_slope_is_the_lowest_point_of_its_objective),
        cmocka_unit_test(without_anything_to_go_by_a_slope_is_that_of_the_prior),
        cmocka_unit_test(with_bad_annotators_the_rewards_are_better_with_slopes_than_without),
        cmocka_unit_test(where_all_are_honest_slopes_hardly_ever_matter_and_cost_little),
        cmocka_unit_test(an_annotator_with_few_answers_stays_near_1),
        cmocka_unit_test(the_slope_of_a_single_annotator_is_not_known),
        cmocka_unit_test(the_slope_of_one_who_answers_nearly_everything_stays_near_1),
        cmocka_unit_test(neither_the_order_of_answers_nor_that_of_sides_matters),
        cmocka_unit_test(a_number_without_answers_is_not_known_and_changes_nothing),
        cmocka_unit_test(extreme_answers_give_finite_slopes),
        cmocka_unit_test(wrong_annotators_are_refused),
        cmocka_unit_test(the_logits_of_a_crowd_are_those_of_a_fit_without_the_answers),
        cmocka_unit_test(what_is_known_of_annotators_survives_in_the_bytes_of_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
