/* Tests of models and training against golden vectors. */
#include <fisher/train.h>
#include <string.h>

#include "golden.h"

FD_DEFINE_CLEANUP(fi_model, fi_model_free)

static const double tolerance = 1e-4;

static fi_train_options plain_steps(uint32_t steps, double decay) {
    fi_train_options options = fi_train_defaults();
    options.batch_size = 0;
    options.learning_rate = 1e-3;
    options.iterations = steps;
    options.weight_decay = decay;
    return options;
}

static fi_pair *pairs_of(const golden *array) {
    fi_pair *pairs = calloc(array->rows, sizeof(*pairs));
    assert_non_null(pairs);
    for (size_t i = 0; i < array->rows; i++)
        pairs[i] = (fi_pair){(uint32_t)array->values[2 * i], (uint32_t)array->values[2 * i + 1]};
    return pairs;
}

static void check_steps(const fi_model *start, const golden *items, const fi_answers *answers,
                        uint32_t steps, double decay, const golden *before,
                        const golden *expected) {
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    fi_train_result result;
    fi_train_options options = plain_steps(steps, decay);
    size_t count;
    assert_int_equal(fi_model_copy(start, &model), 0);
    assert_int_equal(fi_train(model, items->rows, items->floats, answers, NULL, &options, &result),
                     0);
    const float *parameters = fi_model_parameters(model, &count);
    assert_int_equal(count, expected->count);
    /* Compares the movements, not the ends, because the start would hide differences. */
    for (size_t i = 0; i < count; i++) {
        double moved = (double)parameters[i] - before->values[i];
        double wanted = expected->values[i] - before->values[i];
        if (fabs(moved - wanted) > 1e-3 * steps * 1e-3 + 1e-6)
            fail_msg("parameter %zu moved %.9g, expected %.9g", i, moved, wanted);
    }
}

static void check_case(const char *name) {
    char folder[600];
    (void)snprintf(folder, sizeof(folder), "%s/%s", FISHERD_GOLDEN, name);
    GOLDEN shape_values = golden_load(folder, "shape");
    GOLDEN items = golden_load(folder, "items");
    GOLDEN pair_values = golden_load(folder, "pairs");
    GOLDEN targets = golden_load(folder, "targets");
    GOLDEN theta = golden_load(folder, "parameters");
    GOLDEN prepared = golden_load(folder, "prepared");
    GOLDEN features = golden_load(folder, "features");
    GOLDEN rewards = golden_load(folder, "rewards");
    GOLDEN loss = golden_load(folder, "loss");
    GOLDEN gradient = golden_load(folder, "gradient");
    GOLDEN decay = golden_load(folder, "decay");
    GOLDEN adam1 = golden_load(folder, "adam1");
    GOLDEN adam10 = golden_load(folder, "adam10");
    FD_FREE fi_pair *pairs = pairs_of(&pair_values);

    fi_shape shape = {.inputs = (uint32_t)shape_values.values[0],
                      .components = (uint32_t)shape_values.values[1],
                      .hidden_layers = (uint32_t)shape_values.values[2],
                      .hidden_width = (uint32_t)shape_values.values[3]};
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    FD_CLEANUP(fi_model_freep) fi_model *slopes = NULL;
    size_t count;
    assert_int_equal(fi_model_new(&shape, 1, &model), 0);
    assert_int_equal(fi_model_fit_inputs(model, items.rows, items.floats), 0);
    float *parameters = fi_model_parameters(model, &count);
    assert_int_equal(count, theta.count);
    memcpy(parameters, theta.floats, count * sizeof(float));

    FD_FREE float *computed = calloc(prepared.count + features.count, sizeof(float));
    FD_FREE float *scores = calloc(items.rows, sizeof(float));
    assert_int_equal(fi_model_prepare(model, items.rows, items.floats, computed), 0);
    assert_close(computed, prepared.values, prepared.count, tolerance);
    assert_int_equal(fi_model_features(model, items.rows, items.floats, NULL, computed), 0);
    assert_int_equal(fi_model_feature_count(model), features.columns);
    assert_close(computed, features.values, features.count, tolerance);
    fi_model_rewards(model, items.rows, computed, scores);
    assert_close(scores, rewards.values, rewards.count, tolerance);

    fi_answers answers = {.count = targets.count, .pairs = pairs, .targets = targets.floats};
    double computed_loss;
    assert_int_equal(fi_model_new(&shape, 2, &slopes), 0);
    assert_int_equal(
        fi_loss_gradient(model, items.rows, items.floats, &answers, slopes, &computed_loss), 0);
    assert_true(fabs(computed_loss - loss.values[0]) <= tolerance * loss.values[0]);
    assert_close(fi_model_parameters(slopes, &count), gradient.values, gradient.count, tolerance);
    fi_fit fit = fi_evaluate(scores, &answers);
    assert_true(fabs(fit.loss - loss.values[0]) <= tolerance * loss.values[0]);

    check_steps(model, &items, &answers, 1, decay.values[0], &theta, &adam1);
    check_steps(model, &items, &answers, 10, decay.values[0], &theta, &adam10);
}

static void our_own_vectors_are_reproduced_at_every_depth(void **state) {
    (void)state;
    static const char *const names[] = {"linear",       "one_layer", "two_layers",
                                        "three_layers", "projected", "projected_linear"};
    for (size_t i = 0; i < FD_LENGTH(names); i++)
        check_case(names[i]);
}

/* ---- vectors of an independent implementation, if there are any ---- */

/* Puts fc1, fc1half, fc1half2 and fc2 into the block of a model. */
static void load_parameters(const char *folder, const char *prefix, const char *suffix,
                            double *block, size_t count) {
    static const char *const parts[] = {"fc1_weight",   "fc1_bias",        "fc1half_weight",
                                        "fc1half_bias", "fc1half2_weight", "fc1half2_bias",
                                        "fc2_weight"};
    size_t at = 0;
    for (size_t i = 0; i < FD_LENGTH(parts); i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "%s%s%s", prefix, parts[i], suffix);
        GOLDEN part = golden_load(folder, name);
        assert_true(at + part.count <= count);
        memcpy(block + at, part.values, part.count * sizeof(double));
        at += part.count;
    }
    assert_int_equal(at, count);
}

static void check_gradient(const char *folder, const char *prefix, const fi_model *model,
                           const golden *items, const fi_answers *answers, double *block) {
    FD_CLEANUP(fi_model_freep) fi_model *slopes = NULL;
    double loss;
    size_t count;
    assert_int_equal(fi_model_copy(model, &slopes), 0);
    assert_int_equal(fi_loss_gradient(model, items->rows, items->floats, answers, slopes, &loss),
                     0);
    const float *gradient = fi_model_parameters(slopes, &count);
    load_parameters(folder, prefix, "_f64", block, count);
    assert_close(gradient, block, count, tolerance);
}

static void check_adam(const char *folder, const char *prefix, uint32_t steps,
                       const fi_model *start, const golden *items, const fi_answers *answers,
                       double *block) {
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    fi_train_result result;
    fi_train_options options = plain_steps(steps, 0);
    size_t count;
    assert_int_equal(fi_model_copy(start, &model), 0);
    assert_int_equal(fi_train(model, items->rows, items->floats, answers, NULL, &options, &result),
                     0);
    const float *parameters = fi_model_parameters(model, &count);
    load_parameters(folder, prefix, "_f64", block, count);
    assert_close(parameters, block, count, tolerance);
}

static void the_independent_implementation_agrees(void **state) {
    (void)state;
    static const struct {
        const char *name;
        fi_shape shape;
    } sizes[] = {{"small", {8, 0, 3, 4, 0}}, {"medium", {32, 0, 3, 16, 0}}};
    const char *shared = getenv("FISHERD_SHARED");
    for (size_t s = 0; s < FD_LENGTH(sizes); s++) {
        char folder[600], probe[640];
        (void)snprintf(folder, sizeof(folder), "%s/golden/%s", shared ? shared : "", sizes[s].name);
        (void)snprintf(probe, sizeof(probe), "%s/info.json", folder);
        FILE *there = fopen(probe, "re");
        if (!there) {
            print_message("no vectors in %s: skipped\n", folder);
            skip();
        }
        (void)fclose(there);

        GOLDEN items = golden_load(folder, "items");
        GOLDEN pair_values = golden_load(folder, "past_idx");
        GOLDEN targets = golden_load(folder, "past_y");
        FD_FREE fi_pair *pairs = pairs_of(&pair_values);
        FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
        size_t count;
        assert_int_equal(fi_model_new(&sizes[s].shape, 1, &model), 0);
        float *parameters = fi_model_parameters(model, &count);
        FD_FREE double *block = calloc(count, sizeof(*block));
        load_parameters(folder, "w_", "", block, count);
        for (size_t i = 0; i < count; i++)
            parameters[i] = (float)block[i];

        GOLDEN embeddings = golden_load(folder, "emb_a");
        GOLDEN features = golden_load(folder, "feat_a_f64");
        GOLDEN rewards = golden_load(folder, "reward_a_f64");
        FD_FREE float *computed = calloc(features.count, sizeof(float));
        FD_FREE float *scores = calloc(rewards.count, sizeof(float));
        assert_int_equal(
            fi_model_features(model, embeddings.rows, embeddings.floats, NULL, computed), 0);
        assert_close(computed, features.values, features.count, tolerance);
        fi_model_rewards(model, embeddings.rows, computed, scores);
        assert_close(scores, rewards.values, rewards.count, tolerance);

        fi_answers all = {.count = targets.count, .pairs = pairs, .targets = targets.floats};
        fi_answers first16 = {.count = 16, .pairs = pairs, .targets = targets.floats};
        check_gradient(folder, "bt_grad_all_", model, &items, &all, block);
        check_gradient(folder, "bt_grad_b16_", model, &items, &first16, block);
        check_adam(folder, "adam1_", 1, model, &items, &all, block);
        check_adam(folder, "adam10_", 10, model, &items, &all, block);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_vectors_are_reproduced_at_every_depth),
        cmocka_unit_test(the_independent_implementation_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
