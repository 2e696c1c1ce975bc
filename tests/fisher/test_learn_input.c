/* Tests of the progress, the input and the linear model of learning. */
#include <errno.h>

#include "learn_world.h"

/* ---- progress ---- */

struct watch {
    size_t calls;
    size_t allowed;
    double last;
};

static bool watch(void *context, double share) {
    struct watch *seen = context;
    assert_true(seen->calls == 0 ? share == 0.0 : share >= seen->last);
    assert_true(share <= 1.0);
    seen->last = share;
    return seen->calls++ < seen->allowed;
}

static void the_share_that_is_done_rises_from_0_to_1_and_a_refusal_ends_it(void **state) {
    (void)state;
    WORLD from = world_new(6, 100, 2, 100, exclusive_or);
    fi_answers held_out = some_fresh(&from, 0, 20);
    fi_learn_options options = options_for(&from, FI_KIND_NETWORK);
    options.train.iterations = 12;
    LEARNED start = learn(&from, &options);
    for (int kind = FI_KIND_AUTO; kind <= FI_KIND_NETWORK + 1; kind++) {
        bool goes_on = kind > FI_KIND_NETWORK;
        options.kind = goes_on ? FI_KIND_NETWORK : (fi_kind)kind;
        options.go_on = watch;
        struct watch seen = {.allowed = SIZE_MAX};
        options.context = &seen;
        LEARNED learned = {0};
        assert_int_equal(fi_learn(from.n_items, from.items, &from.answers, &held_out, NULL,
                                  goes_on ? start.model : NULL, &options, &learned),
                         0);
        assert_true(seen.last == 1.0);
        assert_true(seen.calls > (kind == FI_KIND_LINEAR ? 3 : 12));
        for (size_t allowed = 0; allowed < seen.calls; allowed++) {
            struct watch strict = {.allowed = allowed};
            options.context = &strict;
            fi_learned none = {0};
            assert_int_equal(fi_learn(from.n_items, from.items, &from.answers, &held_out, NULL,
                                      goes_on ? start.model : NULL, &options, &none),
                             -ECANCELED);
            assert_null(none.model);
            assert_int_equal(strict.calls, allowed + 1);
        }
    }
}

/* ---- unusual input ---- */

static void assert_finite(const world *from, const fi_learned *learned) {
    FD_FREE float *rewards = rewards_by(from, learned->model);
    for (size_t i = 0; i < from->n_items; i++)
        assert_true(isfinite(rewards[i]));
    assert_true(learned->prior_precision >= FI_PRECISION_LEAST);
    assert_true(learned->prior_precision <= FI_PRECISION_MOST);
}

static void check_finite(const world *from, uint32_t components) {
    for (fi_kind kind = FI_KIND_AUTO; kind <= FI_KIND_NETWORK; kind++) {
        fi_learn_options options = options_for(from, kind);
        options.shape.components = components;
        options.train.iterations = 40;
        LEARNED learned = learn(from, &options);
        assert_finite(from, &learned);
    }
}

static void unusual_answers_and_items_give_finite_rewards(void **state) {
    (void)state;
    enum { COUNT = 60, INPUTS = 4 };
    WORLD ties = world_new(1, 30, INPUTS, COUNT, along_the_axes);
    WORLD repeated = world_new(2, 30, INPUTS, COUNT, along_the_axes);
    WORLD separable = world_new(3, 30, INPUTS, COUNT, along_the_axes);
    WORLD equal = world_new(4, 30, INPUTS, COUNT, along_the_axes);
    WORLD deficient = world_new(5, 30, INPUTS, COUNT, along_the_axes);
    for (size_t i = 0; i < COUNT; i++) {
        ties.targets[i] = 0.5f;
        repeated.pairs[i] = (fi_pair){4, 9};
        fi_pair pair = separable.pairs[i];
        separable.targets[i] = separable.rewards[pair.a] > separable.rewards[pair.b] ? 1.0f : 0.0f;
    }
    for (size_t i = 0; i < 30 * INPUTS; i++) {
        equal.items[i] = 3.0f;
        deficient.items[i] = deficient.items[i / INPUTS * INPUTS] * (float)(i % INPUTS);
    }
    const world *worlds[] = {&ties, &repeated, &separable, &equal, &deficient};
    for (size_t i = 0; i < FD_LENGTH(worlds); i++) {
        check_finite(worlds[i], 0);
        check_finite(worlds[i], 2);
        check_finite(worlds[i], INPUTS + 5);
    }
}

static void more_components_than_inputs_become_one_per_input(void **state) {
    (void)state;
    WORLD from = world_new(1, 30, 4, 60, along_the_axes);
    for (fi_kind kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++) {
        fi_learn_options options = options_for(&from, kind);
        options.shape.components = 128;
        LEARNED learned = learn(&from, &options);
        assert_int_equal(fi_model_shape(learned.model)->components, 4);
    }
}

/* A linear model has a limit that the inputs of a network do not have. */
static void a_network_takes_inputs_that_are_too_wide_for_a_linear_model(void **state) {
    (void)state;
    WORLD from = world_new(1, 10, FI_WIDTH_MAX + 1, 10, nothing);
    fi_learn_options options = options_for(&from, FI_KIND_NETWORK);
    options.train.iterations = 2;
    LEARNED learned = learn(&from, &options);
    assert_true(is_network(&learned));
    fi_learned none;
    options.kind = FI_KIND_LINEAR;
    assert_int_equal(
        fi_learn(from.n_items, from.items, &from.answers, NULL, NULL, NULL, &options, &none),
        -EINVAL);
}

static void input_that_nothing_can_be_learned_from_is_refused(void **state) {
    (void)state;
    WORLD from = world_new(1, 30, 4, 60, along_the_axes);
    fi_learned learned;
    fi_answers none = {0};
    fi_learn_options options = options_for(&from, FI_KIND_AUTO);
    assert_int_equal(
        fi_learn(from.n_items, from.items, &none, NULL, NULL, NULL, &options, &learned), -EINVAL);
    const double precisions[] = {-1.0, (double)NAN, (double)INFINITY};
    for (size_t i = 0; i < 2 * FD_LENGTH(precisions); i++) {
        options.kind = i % 2 ? FI_KIND_NETWORK : FI_KIND_LINEAR;
        options.prior_precision = precisions[i / 2];
        assert_int_equal(
            fi_learn(from.n_items, from.items, &from.answers, NULL, NULL, NULL, &options, &learned),
            -EINVAL);
    }
    options.kind = FI_KIND_AUTO;
    options.prior_precision = 0.0;
    options.shape.hidden_layers = FI_HIDDEN_LAYERS_MAX + 1;
    assert_int_equal(
        fi_learn(from.n_items, from.items, &from.answers, NULL, NULL, NULL, &options, &learned),
        -EINVAL);
    options.shape.hidden_layers = 1;
    from.pairs[5].a = 30;
    assert_int_equal(
        fi_learn(from.n_items, from.items, &from.answers, NULL, NULL, NULL, &options, &learned),
        -EINVAL);
    from.pairs[5].a = 3;
    from.targets[5] = 1.5f;
    assert_int_equal(
        fi_learn(from.n_items, from.items, &from.answers, NULL, NULL, NULL, &options, &learned),
        -EINVAL);
}

/* ---- the linear model alone ---- */

static fi_refit_options under_precision(double precision) {
    fi_refit_options options = fi_refit_defaults();
    options.prior_precision = precision;
    return options;
}

static void a_linear_model_is_the_fit_of_its_last_layer(void **state) {
    (void)state;
    WORLD from = world_new(3, 80, 6, 120, along_the_axes);
    fi_learn_options options = options_for(&from, FI_KIND_LINEAR);
    LEARNED learned = learn(&from, &options);
    float features[80 * 6];
    assert_int_equal(fi_model_features(learned.model, 80, from.items, features), 0);
    fi_refit_options learned_one = under_precision(0.0), given = under_precision(7.0);
    double beta[6] = {0}, precision = 0.0;
    fi_refit_result result;
    assert_int_equal(
        fi_learn_linear(80, 6, features, &from.answers, &learned_one, beta, &precision, &result),
        0);
    assert_near(learned.prior_precision, precision, 1e-6 * precision);
    uint32_t cold = result.iterations;
    assert_int_equal(
        fi_learn_linear(80, 6, features, &from.answers, &learned_one, beta, &precision, &result),
        0);
    assert_true(result.iterations < cold);
    assert_near(learned.prior_precision, precision, 2e-3 * precision);
    fi_layer last = fi_model_layer(learned.model, 0);
    for (size_t j = 0; j < 6; j++)
        assert_near((double)last.weights[j], beta[j], 1e-3);

    assert_int_equal(
        fi_learn_linear(80, 6, features, &from.answers, &given, beta, &precision, &result), 0);
    assert_true(precision == 7.0);
    double expected[6] = {0};
    assert_int_equal(fi_refit(80, 6, features, &from.answers, &given, expected, &result), 0);
    for (size_t j = 0; j < 6; j++)
        assert_near(beta[j], expected[j], 1e-9);
}

static void uninformative_answers_keep_the_guessed_precision(void **state) {
    (void)state;
    WORLD from = world_new(3, 80, 6, 120, nothing);
    for (size_t i = 0; i < 120; i++)
        from.targets[i] = 0.5f;
    fi_refit_options learned_one = under_precision(0.0), wrong = under_precision(-1.0);
    double beta[6] = {0}, precision = 0.0, square = 0.0;
    for (size_t i = 0; i < 120; i++)
        for (size_t j = 0; j < 6; j++)
            square += pow((double)from.items[from.pairs[i].a * 6 + j], 2.0) +
                      pow((double)from.items[from.pairs[i].b * 6 + j], 2.0);
    fi_refit_result result;
    assert_int_equal(
        fi_learn_linear(80, 6, from.items, &from.answers, &learned_one, beta, &precision, &result),
        0);
    assert_true(precision >= square / 240.0);
    for (size_t j = 0; j < 6; j++)
        assert_near(beta[j], 0.0, 1e-9);

    fi_answers none = {0};
    assert_int_equal(
        fi_learn_linear(80, 6, from.items, &none, &learned_one, beta, &precision, &result),
        -EINVAL);
    assert_int_equal(
        fi_learn_linear(80, 6, from.items, &from.answers, &wrong, beta, &precision, &result),
        -EINVAL);
    from.pairs[7].b = 80;
    assert_int_equal(
        fi_learn_linear(80, 6, from.items, &from.answers, &learned_one, beta, &precision, &result),
        -EINVAL);
}

struct patience {
    int left;
};

static bool loses_patience(void *context) {
    struct patience *patience = context;
    return patience->left-- > 0;
}

static void a_linear_fit_can_be_cancelled_at_any_step_and_changes_nothing(void **state) {
    (void)state;
    WORLD from = world_new(3, 80, 6, 120, along_the_axes);
    static const double precisions[] = {0.0, 7.0};
    for (size_t i = 0; i < 2; i++) {
        fi_refit_options options = under_precision(precisions[i]);
        struct patience patience = {0};
        options.go_on = loses_patience;
        options.context = &patience;
        double beta[6] = {0}, precision = 3.0;
        fi_refit_result result;
        for (int steps = 0; steps < 3; steps++) {
            patience.left = steps;
            assert_int_equal(fi_learn_linear(80, 6, from.items, &from.answers, &options, beta,
                                             &precision, &result),
                             -ECANCELED);
            assert_int_equal(patience.left, -1);
            for (size_t j = 0; j < 6; j++)
                assert_true(beta[j] == 0.0);
            assert_true(precision == 3.0);
        }
        patience.left = 1000;
        assert_int_equal(
            fi_learn_linear(80, 6, from.items, &from.answers, &options, beta, &precision, &result),
            0);
        assert_true(beta[0] != 0.0);
    }
}

/* ---- calibrated probabilities ---- */

struct honesty {
    double calibration_error;
    double least_weight; /* v */
};

static struct honesty honesty_of(const world *from, const fi_learned *learned) {
    FD_FREE float *rewards = rewards_by(from, learned->model);
    struct honesty honesty = {fi_evaluate(rewards, &from->fresh).calibration_error, 0.25};
    for (size_t i = 0; i < FRESH; i++) {
        double logit =
            (double)rewards[from->fresh.pairs[i].a] - (double)rewards[from->fresh.pairs[i].b];
        double p = 1.0 / (1.0 + exp(-fabs(logit)));
        honesty.least_weight = fmin(honesty.least_weight, p * (1.0 - p));
    }
    return honesty;
}

static void
probabilities_are_calibrated_where_an_unregularised_fit_is_sure_and_wrong(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        WORLD from = world_new(seed, 400, 64, 300, along_the_axes);
        fi_learn_options options = options_for(&from, FI_KIND_AUTO);
        LEARNED learned = learn(&from, &options);
        struct honesty honest = honesty_of(&from, &learned);
        assert_true(honest.calibration_error < 0.08);
        assert_true(honest.least_weight >= 1e-4);

        options.kind = FI_KIND_LINEAR;
        options.prior_precision = FI_PRECISION_LEAST;
        LEARNED sure = learn(&from, &options);
        struct honesty wrong = honesty_of(&from, &sure);
        assert_true(wrong.calibration_error >= 0.08);
        assert_true(wrong.least_weight < 1e-4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_share_that_is_done_rises_from_0_to_1_and_a_refusal_ends_it),
        cmocka_unit_test(unusual_answers_and_items_give_finite_rewards),
        cmocka_unit_test(more_components_than_inputs_become_one_per_input),
        cmocka_unit_test(a_network_takes_inputs_that_are_too_wide_for_a_linear_model),
        cmocka_unit_test(input_that_nothing_can_be_learned_from_is_refused),
        cmocka_unit_test(a_linear_model_is_the_fit_of_its_last_layer),
        cmocka_unit_test(uninformative_answers_keep_the_guessed_precision),
        cmocka_unit_test(a_linear_fit_can_be_cancelled_at_any_step_and_changes_nothing),
        cmocka_unit_test(probabilities_are_calibrated_where_an_unregularised_fit_is_sure_and_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
