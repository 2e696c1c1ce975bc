/* Tests of the loss, its gradient, training, and how well a model fits. */
#include <errno.h>
#include <fisher/train.h>
#include <string.h>

#include "data_set.h"
#include "golden.h"
#include "rng.h"

enum { INPUTS = 5, ITEMS = 40, ANSWERS = 120 };

/* Items with a linear true reward, and answers that follow it. Some are ties. */
struct world {
    float items[ITEMS * INPUTS];
    fi_pair pairs[ANSWERS];
    float targets[ANSWERS];
};

static struct world make_world(uint64_t seed) {
    struct world world;
    fd_rng rng = fd_rng_seeded(seed);
    double truth[ITEMS];
    for (size_t i = 0; i < ITEMS; i++) {
        truth[i] = 0;
        for (size_t j = 0; j < INPUTS; j++) {
            double x = fd_rng_normal(&rng);
            world.items[i * INPUTS + j] = (float)x;
            truth[i] += (double)(j + 1) * x / 2;
        }
    }
    for (size_t i = 0; i < ANSWERS; i++) {
        uint32_t a = (uint32_t)fd_rng_below(&rng, ITEMS);
        uint32_t b = (uint32_t)((a + 1 + fd_rng_below(&rng, ITEMS - 1)) % ITEMS);
        world.pairs[i] = (fi_pair){a, b};
        double p = 1 / (1 + exp(truth[b] - truth[a]));
        world.targets[i] = i % 7 == 0 ? 0.5f : fd_rng_uniform(&rng) < p ? 1.0f : 0.0f;
    }
    return world;
}

static fi_model *make_model(uint32_t layers) {
    fi_shape shape = {
        .inputs = INPUTS, .components = 0, .hidden_layers = layers, .hidden_width = 6};
    fi_model *model = NULL;
    assert_int_equal(fi_model_new(&shape, 5, &model), 0);
    return model;
}

/* An independent forward pass in float64 with erf of libm, one item at a time. */
static double reward_of(fi_model *model, const double *theta, const float *x) {
    double current[16], next[16];
    for (size_t j = 0; j < INPUTS; j++)
        current[j] = (double)x[j];
    for (uint32_t l = 0;; l++) {
        fi_layer layer = fi_model_layer(model, l);
        for (size_t i = 0; i < layer.outputs; i++) {
            double z = layer.biases ? theta[layer.outputs * layer.inputs + i] : 0;
            for (size_t j = 0; j < layer.inputs; j++)
                z += theta[i * layer.inputs + j] * current[j];
            next[i] = layer.biases ? z * 0.5 * (1 + erf(z / sqrt(2))) : z;
        }
        if (!layer.biases)
            return next[0];
        memcpy(current, next, sizeof(current));
        theta += (layer.inputs + 1) * layer.outputs;
    }
}

static double loss_at(fi_model *model, const double *theta, const struct world *world) {
    double loss = 0;
    for (size_t i = 0; i < ANSWERS; i++) {
        double z = reward_of(model, theta, world->items + world->pairs[i].a * INPUTS) -
                   reward_of(model, theta, world->items + world->pairs[i].b * INPUTS);
        loss += log1p(exp(z)) - (double)world->targets[i] * z;
    }
    return loss / ANSWERS;
}

static void every_gradient_agrees_with_finite_differences(void **state) {
    (void)state;
    struct world world = make_world(1);
    fi_answers answers = {.count = ANSWERS, .pairs = world.pairs, .targets = world.targets};
    for (uint32_t layers = 0; layers <= FI_HIDDEN_LAYERS_MAX; layers++) {
        FD_CLEANUP(fi_model_freep) fi_model *model = make_model(layers);
        FD_CLEANUP(fi_model_freep) fi_model *slopes = make_model(layers);
        double loss, theta[256], largest = 0;
        size_t count;
        assert_int_equal(fi_loss_gradient(model, ITEMS, world.items, &answers, slopes, &loss), 0);
        const float *gradient = fi_model_parameters(slopes, &count);
        const float *parameters = fi_model_parameters(model, &count);
        for (size_t i = 0; i < count; i++) {
            theta[i] = (double)parameters[i];
            largest = fmax(largest, fabs((double)gradient[i]));
        }
        assert_near(loss, loss_at(model, theta, &world), 1e-5);
        for (size_t i = 0; i < count; i++) {
            double middle = theta[i], step = 1e-5;
            theta[i] = middle + step;
            double above = loss_at(model, theta, &world);
            theta[i] = middle - step;
            double below = loss_at(model, theta, &world);
            theta[i] = middle;
            double expected = (above - below) / (2 * step);
            assert_near((double)gradient[i], expected, 1e-4 * largest);
        }
    }
}

static void training_finds_the_order_of_the_items(void **state) {
    (void)state;
    struct world world = make_world(2);
    fi_answers answers = {.count = ANSWERS, .pairs = world.pairs, .targets = world.targets};
    for (uint32_t layers = 0; layers <= FI_HIDDEN_LAYERS_MAX; layers += 3) {
        FD_CLEANUP(fi_model_freep) fi_model *model = make_model(layers);
        fi_train_options options = fi_train_defaults();
        options.learning_rate = 0.01;
        fi_train_result result;
        assert_int_equal(fi_train(model, ITEMS, world.items, &answers, NULL, &options, &result), 0);
        assert_true(result.train.accuracy > 0.85);
        assert_true(result.train.loss < 0.5);
        assert_true(isnan(result.held_out.loss));
    }
}

static void mini_batches_learn_too_and_follow_their_seed(void **state) {
    (void)state;
    struct world world = make_world(3);
    fi_answers answers = {.count = ANSWERS, .pairs = world.pairs, .targets = world.targets};
    fi_train_options options = fi_train_defaults();
    options.learning_rate = 0.01;
    options.batch_size = 16;
    options.iterations = 400;
    fi_train_result results[3];
    for (uint64_t i = 0; i < 3; i++) {
        FD_CLEANUP(fi_model_freep) fi_model *model = make_model(2);
        options.seed = i / 2;
        assert_int_equal(fi_train(model, ITEMS, world.items, &answers, NULL, &options, &results[i]),
                         0);
        assert_true(results[i].train.accuracy > 0.85);
    }
    assert_true(results[0].train.loss == results[1].train.loss);
    assert_true(results[0].train.loss != results[2].train.loss);
}

/* Answer i is identified by its target i / ANSWERS. */
static void check_batch(const fi_data_set *batch, const fi_model *model, const struct world *world,
                        size_t *seen) {
    float rows[2 * INPUTS];
    for (size_t i = 0; i < batch->count; i++) {
        size_t answer = (size_t)lrintf(batch->targets[i] * ANSWERS);
        const uint32_t from[] = {world->pairs[answer].a, world->pairs[answer].b};
        const uint32_t to[] = {batch->pairs[i].a, batch->pairs[i].b};
        for (size_t side = 0; side < 2; side++) {
            const float *item = world->items + from[side] * INPUTS;
            assert_int_equal(fi_model_prepare(model, 1, item, rows), 0);
            assert_true(to[side] < batch->n_items);
            assert_memory_equal(batch->inputs + to[side] * INPUTS, rows, INPUTS * sizeof(float));
        }
        seen[answer]++;
    }
}

static void
an_epoch_of_mini_batches_has_each_answer_once_and_only_the_items_it_names(void **state) {
    (void)state;
    enum { SIZE = 8, EPOCHS = 3 };
    struct world world = make_world(9);
    for (size_t i = 0; i < ANSWERS; i++)
        world.targets[i] = (float)i / ANSWERS;
    fi_answers answers = {.count = ANSWERS, .pairs = world.pairs, .targets = world.targets};
    FD_CLEANUP(fi_model_freep) fi_model *model = make_model(1);
    assert_int_equal(fi_model_fit_inputs(model, ITEMS, world.items), 0);
    FD_CLEANUP(fi_data_set_clear) fi_data_set whole = {0};
    FD_CLEANUP(fi_batches_clear) fi_batches batches = {0};
    assert_int_equal(fi_data_set_init(&whole, model, ITEMS, world.items, &answers), 0);
    assert_int_equal(fi_batches_init(&batches, model, &whole, SIZE, 1), 0);
    size_t seen[ANSWERS] = {0};
    float first[EPOCHS];
    for (size_t epoch = 0; epoch < EPOCHS; epoch++) {
        for (size_t i = 0; i < ANSWERS / SIZE; i++) {
            const fi_data_set *batch = fi_batches_next(&batches, model);
            assert_int_equal(batch->count, SIZE);
            check_batch(batch, model, &world, seen);
            if (i == 0)
                first[epoch] = batch->targets[0];
        }
        for (size_t i = 0; i < ANSWERS; i++)
            assert_int_equal(seen[i], epoch + 1);
    }
    assert_true(first[0] != first[1] || first[1] != first[2]);
}

static void early_stopping_keeps_the_weights_of_the_lowest_held_out_loss(void **state) {
    (void)state;
    struct world world = make_world(4);
    fi_answers answers = {.count = 20, .pairs = world.pairs, .targets = world.targets};
    fi_answers held_out = {.count = 100, .pairs = world.pairs + 20, .targets = world.targets + 20};
    FD_CLEANUP(fi_model_freep) fi_model *model = make_model(3);
    fi_train_options options = fi_train_defaults();
    options.learning_rate = 0.02;
    options.weight_decay = 0;
    options.iterations = 3000;
    fi_train_result stopped, last;
    fi_model *other = make_model(3);
    assert_int_equal(fi_train(model, ITEMS, world.items, &answers, &held_out, &options, &stopped),
                     0);
    assert_true(stopped.iterations < options.iterations);
    assert_true(stopped.best_iteration + options.patience * options.evaluate_every ==
                stopped.iterations);

    /* Patience counts from the best step, also if the loss goes up and down. */
    FD_CLEANUP(fi_model_freep) fi_model *ragged = make_model(3);
    fi_train_options small = options;
    small.learning_rate = 0.003;
    small.patience = 25;
    small.batch_size = 1;
    small.evaluate_every = 1;
    fi_train_result rough;
    assert_int_equal(fi_train(ragged, ITEMS, world.items, &answers, &held_out, &small, &rough), 0);
    assert_int_equal(rough.best_iteration + small.patience, rough.iterations);

    assert_int_equal(fi_train(other, ITEMS, world.items, &answers, NULL, &options, &last), 0);
    float features[ITEMS * 6], rewards[ITEMS];
    assert_int_equal(fi_model_features(other, ITEMS, world.items, NULL, features), 0);
    fi_model_rewards(other, ITEMS, features, rewards);
    assert_true(fi_evaluate(rewards, &held_out).loss > stopped.held_out.loss);
    fi_model_free(other);
}

static void a_start_that_is_best_is_kept(void **state) {
    (void)state;
    struct world world = make_world(5);
    fi_answers answers = {.count = 20, .pairs = world.pairs, .targets = world.targets};
    float flipped[20];
    for (size_t i = 0; i < 20; i++)
        flipped[i] = 1 - world.targets[i];
    fi_answers held_out = {.count = 20, .pairs = world.pairs, .targets = flipped};
    FD_CLEANUP(fi_model_freep) fi_model *model = make_model(1);
    FD_CLEANUP(fi_model_freep) fi_model *before = NULL;
    assert_int_equal(fi_model_copy(model, &before), 0);
    fi_train_options options = fi_train_defaults();
    options.learning_rate = 0.05;
    fi_train_result result;
    assert_int_equal(fi_train(model, ITEMS, world.items, &answers, &held_out, &options, &result),
                     0);
    assert_int_equal(result.best_iteration, 0);
    size_t count;
    const float *parameters = fi_model_parameters(model, &count);
    const float *expected = fi_model_parameters(before, &count);
    assert_memory_equal(parameters, expected, count * sizeof(float));
}

static int stop_at_15(void *context, const fi_train_progress *progress) {
    (void)context;
    return progress->iteration >= 15;
}

static void a_cancelled_training_does_not_change_the_model(void **state) {
    (void)state;
    struct world world = make_world(6);
    fi_answers answers = {.count = ANSWERS, .pairs = world.pairs, .targets = world.targets};
    FD_CLEANUP(fi_model_freep) fi_model *model = make_model(2);
    FD_CLEANUP(fi_model_freep) fi_model *before = NULL;
    assert_int_equal(fi_model_copy(model, &before), 0);
    fi_train_options options = fi_train_defaults();
    options.progress = stop_at_15;
    fi_train_result result;
    size_t count;
    assert_int_equal(fi_train(model, ITEMS, world.items, &answers, NULL, &options, &result),
                     -ECANCELED);
    const float *parameters = fi_model_parameters(model, &count);
    const float *expected = fi_model_parameters(before, &count);
    assert_memory_equal(parameters, expected, count * sizeof(float));
}

static void a_diverging_training_fails_and_does_not_change_the_model(void **state) {
    (void)state;
    struct world world = make_world(7);
    fi_answers answers = {.count = ANSWERS, .pairs = world.pairs, .targets = world.targets};
    FD_CLEANUP(fi_model_freep) fi_model *model = make_model(3);
    fi_train_options options = fi_train_defaults();
    options.learning_rate = 1e30;
    fi_train_result result;
    size_t count;
    float first = fi_model_parameters(model, &count)[0];
    assert_int_equal(fi_train(model, ITEMS, world.items, &answers, NULL, &options, &result), -EDOM);
    assert_true(fi_model_parameters(model, &count)[0] == first);
}

static void invalid_answers_are_refused(void **state) {
    (void)state;
    struct world world = make_world(8);
    FD_CLEANUP(fi_model_freep) fi_model *model = make_model(1);
    fi_train_options options = fi_train_defaults();
    fi_train_result result;
    fi_answers answers = {.count = 0, .pairs = world.pairs, .targets = world.targets};
    assert_int_equal(fi_train(model, ITEMS, world.items, &answers, NULL, &options, &result),
                     -EINVAL);
    answers.count = 3;
    world.pairs[2].b = ITEMS;
    assert_int_equal(fi_train(model, ITEMS, world.items, &answers, NULL, &options, &result),
                     -EINVAL);
    world.pairs[2].b = 0;
    world.targets[1] = NAN;
    assert_int_equal(fi_train(model, ITEMS, world.items, &answers, NULL, &options, &result),
                     -EINVAL);
}

static void confident_logits_neither_overflow_nor_count_as_wrong(void **state) {
    (void)state;
    const float rewards[] = {2000, -2000};
    const fi_pair pairs[] = {{0, 1}, {1, 0}};
    const float targets[] = {1, 1};
    fi_answers answers = {.count = 2, .pairs = pairs, .targets = targets};
    fi_fit fit = fi_evaluate(rewards, &answers);
    assert_near(fit.loss, 2000, 1e-6);
    assert_near(fit.accuracy, 0.5, 0);
}

static void the_calibration_error_is_the_mean_distance_in_bins_of_the_preferred_side(void **state) {
    (void)state;
    const float rewards[] = {0, 2.2f, 2.84f, 3.0f, 0.1f};
    /* p = 0.900 and 1 - 0.945, which share a bin, 0.953, and 0.525 */
    const fi_pair pairs[] = {{1, 0}, {0, 2}, {3, 0}, {4, 0}};
    const float targets[] = {1, 1, 0.5f, 1};
    double p[4];
    for (size_t i = 0; i < 4; i++)
        p[i] = 1 / (1 + exp(-(double)rewards[i + 1]));
    fi_answers answers = {.count = 4, .pairs = pairs, .targets = targets};
    double v[4], pi = acos(-1);
    for (size_t i = 0; i < 4; i++)
        v[i] = p[i] * (1 - p[i]);
    double bias = sqrt(2 * (v[0] + v[1]) / pi) + sqrt(2 * v[2] / pi) + sqrt(2 * v[3] / pi);
    double expected = (fabs(p[0] + p[1] - 1) + (p[2] - 0.5) + (1 - p[3]) - bias) / 4;
    assert_true(expected > 0.01);
    assert_near(fi_evaluate(rewards, &answers).calibration_error, expected, 1e-7);

    /* The same pairs with their sides exchanged. */
    fi_pair turned[4];
    float of_turned[4];
    for (size_t i = 0; i < 4; i++) {
        turned[i] = (fi_pair){pairs[i].b, pairs[i].a};
        of_turned[i] = 1 - targets[i];
    }
    answers = (fi_answers){.count = 4, .pairs = turned, .targets = of_turned};
    assert_near(fi_evaluate(rewards, &answers).calibration_error, expected, 1e-7);
}

static void a_model_that_knows_nothing_or_everything_is_calibrated(void **state) {
    (void)state;
    const float same[] = {1, 1}, apart[] = {100, -100};
    const fi_pair pairs[] = {{0, 1}, {1, 0}};
    const float targets[] = {1, 1}, true_targets[] = {1, 0};
    fi_answers answers = {.count = 2, .pairs = pairs, .targets = targets};
    assert_near(fi_evaluate(same, &answers).calibration_error, 0, 0);
    assert_near(fi_evaluate(apart, &answers).calibration_error, 0.5, 1e-12);
    answers.targets = true_targets;
    assert_near(fi_evaluate(apart, &answers).calibration_error, 0, 1e-12);
}

static void the_calibration_error_is_small_if_answers_follow_the_model(void **state) {
    (void)state;
    enum { N = 20000 };
    static float rewards[N + 1];
    static fi_pair pairs[N];
    static float targets[N];
    fd_rng rng = fd_rng_seeded(11);
    for (uint32_t i = 0; i < N; i++) {
        double logit = 2 * fd_rng_normal(&rng);
        rewards[i + 1] = (float)logit;
        pairs[i] = (fi_pair){i + 1, 0};
        targets[i] = fd_rng_uniform(&rng) < 1 / (1 + exp(-logit)) ? 1.0f : 0.0f;
    }
    fi_answers answers = {.count = N, .pairs = pairs, .targets = targets};
    assert_true(fi_evaluate(rewards, &answers).calibration_error < 0.015);
    for (uint32_t i = 1; i <= N; i++) /* twice as sure */
        rewards[i] *= 2;
    assert_true(fi_evaluate(rewards, &answers).calibration_error > 0.05);
}

/* The error before the subtraction is .10 at 100 answers. */
static void few_answers_that_follow_the_model_show_no_calibration_error_on_average(void **state) {
    (void)state;
    enum { RUNS = 2000 };
    const size_t counts[] = {30, 100, 200};
    fd_rng rng = fd_rng_seeded(12);
    for (size_t c = 0; c < 3; c++) {
        double right = 0, sure = 0;
        for (size_t run = 0; run < RUNS; run++) {
            double logits[200], doubled[200];
            float targets[200];
            for (size_t i = 0; i < counts[c]; i++) {
                logits[i] = 2 * fd_rng_normal(&rng);
                doubled[i] = 3 * logits[i];
                targets[i] = fd_rng_uniform(&rng) < 1 / (1 + exp(-logits[i])) ? 1.0f : 0.0f;
            }
            size_t n;
            right += fi_evaluate_logits(counts[c], logits, targets, &n).calibration_error / RUNS;
            sure += fi_evaluate_logits(counts[c], doubled, targets, &n).calibration_error / RUNS;
        }
        assert_true(right < 0.12 / sqrt((double)counts[c]));
        assert_true(sure > 0.07 && sure > 2 * right);
    }
}

/* The ends of the interval are the two shares s with |accuracy - s| = 1.96 sqrt(s (1 - s) / n). */
static void the_interval_of_the_accuracy_is_wilsons(void **state) {
    (void)state;
    const float rewards[] = {1, 0};
    for (size_t right = 0; right <= 10; right += 5) {
        fi_pair pairs[11];
        float targets[11];
        for (size_t i = 0; i < 11; i++) {
            pairs[i] = (fi_pair){0, 1};
            targets[i] = i == 10 ? 0.5f : i < right ? 1.0f : 0.0f;
        }
        fi_answers answers = {.count = 11, .pairs = pairs, .targets = targets};
        fi_fit fit = fi_evaluate(rewards, &answers);
        assert_int_equal(fit.decided, 10);
        assert_near(fit.accuracy, (double)right / 10, 1e-15);
        const double ends[] = {fit.accuracy_low, fit.accuracy_high};
        for (size_t i = 0; i < 2; i++) {
            double error = 1.959963984540054 * sqrt(ends[i] * (1 - ends[i]) / 10);
            assert_near(fabs(fit.accuracy - ends[i]), error, 1e-7);
            assert_true(ends[i] >= 0 && ends[i] <= 1);
        }
        assert_true(fit.accuracy_low < fit.accuracy_high);
    }
}

static void an_empty_set_of_answers_has_no_statistics(void **state) {
    (void)state;
    const fi_pair pairs[] = {{0, 1}};
    const float rewards[] = {1, 0}, targets[] = {0.5f};
    fi_answers answers = {.count = 0, .pairs = pairs, .targets = targets};
    fi_fit fit = fi_evaluate(rewards, &answers);
    assert_true(isnan(fit.loss) && isnan(fit.accuracy) && isnan(fit.calibration_error));
    assert_true(isnan(fit.accuracy_low) && isnan(fit.accuracy_high));
    answers.count = 1; /* a tie */
    fit = fi_evaluate(rewards, &answers);
    assert_true(isfinite(fit.loss) && isfinite(fit.calibration_error));
    assert_true(isnan(fit.accuracy) && isnan(fit.accuracy_low) && isnan(fit.accuracy_high));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_gradient_agrees_with_finite_differences),
        cmocka_unit_test(training_finds_the_order_of_the_items),
        cmocka_unit_test(mini_batches_learn_too_and_follow_their_seed),
        cmocka_unit_test(an_epoch_of_mini_batches_has_each_answer_once_and_only_the_items_it_names),
        cmocka_unit_test(early_stopping_keeps_the_weights_of_the_lowest_held_out_loss),
        cmocka_unit_test(a_start_that_is_best_is_kept),
        cmocka_unit_test(a_cancelled_training_does_not_change_the_model),
        cmocka_unit_test(a_diverging_training_fails_and_does_not_change_the_model),
        cmocka_unit_test(invalid_answers_are_refused),
        cmocka_unit_test(confident_logits_neither_overflow_nor_count_as_wrong),
        cmocka_unit_test(the_calibration_error_is_the_mean_distance_in_bins_of_the_preferred_side),
        cmocka_unit_test(a_model_that_knows_nothing_or_everything_is_calibrated),
        cmocka_unit_test(the_calibration_error_is_small_if_answers_follow_the_model),
        cmocka_unit_test(few_answers_that_follow_the_model_show_no_calibration_error_on_average),
        cmocka_unit_test(the_interval_of_the_accuracy_is_wilsons),
        cmocka_unit_test(an_empty_set_of_answers_has_no_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
