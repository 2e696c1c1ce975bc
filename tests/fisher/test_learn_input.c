/* Tests of the progress, the input and the linear model of learning. */
#include <errno.h>

#include "folds.h"
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
    fi_learn_options options = options_for(&from, FI_KIND_NETWORK);
    options.train.iterations = 12;
    options.shape.hidden_width = 8;
    LEARNED start = learn(&from, &options);
    for (int kind = FI_KIND_AUTO; kind <= FI_KIND_NETWORK + 1; kind++) {
        bool goes_on = kind > FI_KIND_NETWORK;
        options.kind = goes_on ? FI_KIND_NETWORK : (fi_kind)kind;
        options.go_on = watch;
        struct watch seen = {.allowed = SIZE_MAX};
        options.context = &seen;
        LEARNED learned = {0};
        assert_int_equal(fi_learn(from.n_items, from.items, NULL, &from.answers, NULL,
                                  goes_on ? start.model : NULL, &options, &learned),
                         0);
        assert_true(seen.last == 1.0);
        assert_true(seen.calls > (kind == FI_KIND_LINEAR ? 3 : 12));
        for (size_t allowed = 0; allowed < seen.calls; allowed += 1 + allowed / 10) {
            struct watch strict = {.allowed = allowed};
            options.context = &strict;
            fi_learned none = {0};
            assert_int_equal(fi_learn(from.n_items, from.items, NULL, &from.answers, NULL,
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

static void prepared_inputs_teach_what_their_embeddings_teach(void **state) {
    (void)state;
    enum { ITEMS = 60, INPUTS = 6, STRIDE = 5 };
    WORLD from = world_new(1, ITEMS, INPUTS, 200, exclusive_or);
    const fi_shape shape = {.inputs = INPUTS, .components = 4, 1, 1, 0};
    FD_CLEANUP(fi_model_freep) fi_model *inputs = NULL;
    float prepared[ITEMS * 4], apart[ITEMS * STRIDE];
    assert_int_equal(fi_model_new(&shape, 1, &inputs), 0);
    assert_int_equal(fi_model_fit_inputs(inputs, ITEMS, from.items), 0);
    assert_int_equal(fi_model_prepare(inputs, ITEMS, from.items, prepared), 0);
    for (size_t i = 0; i < ITEMS; i++)
        memcpy(apart + i * STRIDE, prepared + i * 4, 4 * sizeof(float));
    for (fi_kind kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++) {
        fi_learn_options options = options_for(&from, kind);
        options.shape.components = 4;
        options.train.iterations = 40;
        LEARNED expected = learn(&from, &options);
        LEARNED learned = {0};
        fi_learned none;
        assert_int_equal(fi_learn_prepared(ITEMS, apart, STRIDE, NULL, &from.answers, inputs, NULL,
                                           &options, &learned),
                         0);
        FD_FREE float *one = rewards_by(&from, expected.model);
        FD_FREE float *other = rewards_by(&from, learned.model);
        for (size_t i = 0; i < ITEMS; i++)
            assert_near((double)other[i], (double)one[i], 1e-3);
        options.shape.components = 3;
        assert_int_equal(fi_learn_prepared(ITEMS, apart, STRIDE, NULL, &from.answers, inputs, NULL,
                                           &options, &none),
                         -EINVAL);
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
        fi_learn(from.n_items, from.items, NULL, &from.answers, NULL, NULL, &options, &none),
        -EINVAL);
}

static void input_that_nothing_can_be_learned_from_is_refused(void **state) {
    (void)state;
    WORLD from = world_new(1, 30, 4, 60, along_the_axes);
    fi_learned learned;
    fi_answers none = {0};
    fi_learn_options options = options_for(&from, FI_KIND_AUTO);
    assert_int_equal(
        fi_learn(from.n_items, from.items, NULL, &none, NULL, NULL, &options, &learned), -EINVAL);
    const double precisions[] = {-1.0, (double)NAN, (double)INFINITY};
    for (size_t i = 0; i < 2 * FD_LENGTH(precisions); i++) {
        options.kind = i % 2 ? FI_KIND_NETWORK : FI_KIND_LINEAR;
        options.prior_precision = precisions[i / 2];
        assert_int_equal(
            fi_learn(from.n_items, from.items, NULL, &from.answers, NULL, NULL, &options, &learned),
            -EINVAL);
    }
    options.kind = FI_KIND_AUTO;
    options.prior_precision = 0.0;
    options.shape.hidden_layers = FI_HIDDEN_LAYERS_MAX + 1;
    assert_int_equal(
        fi_learn(from.n_items, from.items, NULL, &from.answers, NULL, NULL, &options, &learned),
        -EINVAL);
    options.shape.hidden_layers = 1;
    from.pairs[5].a = 30;
    assert_int_equal(
        fi_learn(from.n_items, from.items, NULL, &from.answers, NULL, NULL, &options, &learned),
        -EINVAL);
    from.pairs[5].a = 3;
    from.targets[5] = 1.5f;
    assert_int_equal(
        fi_learn(from.n_items, from.items, NULL, &from.answers, NULL, NULL, &options, &learned),
        -EINVAL);
}

/* ---- the linear model alone ---- */

static void a_given_precision_is_that_of_the_fit(void **state) {
    (void)state;
    WORLD from = world_new(3, 80, 6, 120, along_the_axes);
    fi_learn_options options = options_for(&from, FI_KIND_LINEAR);
    options.prior_precision = 7.0;
    LEARNED learned = learn(&from, &options);
    FD_CLEANUP(fi_last_layer_freep)
    fi_last_layer *layer = refit_of(&from, learned.model, &options, NULL);
    assert_true(layer->precisions[0] == 7.0 && learned.prior_precision == 7.0);
    fi_layer last = fi_model_layer(learned.model, 0);
    for (size_t j = 0; j < 6; j++)
        assert_near((double)last.weights[j], layer->beta[j], 1e-6);
}

static void a_refit_from_the_fit_of_a_training_takes_few_steps(void **state) {
    (void)state;
    WORLD from = world_new(3, 80, 6, 120, along_the_axes);
    fi_learn_options options = options_for(&from, FI_KIND_LINEAR);
    LEARNED learned = learn(&from, &options);
    FD_CLEANUP(fi_last_layer_freep)
    fi_last_layer *cold = refit_of(&from, learned.model, &options, NULL);
    FD_CLEANUP(fi_last_layer_freep)
    fi_last_layer *warm =
        refit_of(&from, learned.model, &options, fi_model_last_layer(learned.model));
    assert_true(warm->iterations < cold->iterations);
    assert_near(warm->precisions[0], cold->precisions[0], 2e-3 * cold->precisions[0]);
}

static void uninformative_answers_keep_the_guessed_precision(void **state) {
    (void)state;
    WORLD from = world_new(3, 80, 6, 120, nothing);
    for (size_t i = 0; i < 120; i++)
        from.targets[i] = 0.5f;
    fi_learn_options options = options_for(&from, FI_KIND_LINEAR);
    LEARNED learned = learn(&from, &options);
    FD_CLEANUP(fi_last_layer_freep)
    fi_last_layer *layer = refit_of(&from, learned.model, &options, NULL);
    assert_true(learned.prior_precision >= layer->blocks[0].guess);
    FD_FREE float *rewards = rewards_by(&from, learned.model);
    for (size_t i = 0; i < 80; i++)
        assert_near((double)rewards[i], 0.0, 1e-6);
}

static void the_blocks_are_those_of_the_embedding_and_then_of_the_extras(void **state) {
    (void)state;
    const fi_block extra[] = {{.first = 0, .count = 2, .guess = 5.0, .shape = 1.0},
                              {.first = 2, .count = 1, .guess = 9.0, .shape = 3.0}};
    fi_learn_options options = {.extra_blocks = extra, .n_extra_blocks = 2};
    fi_block blocks[FI_BLOCKS_MAX];
    assert_int_equal(fi_learn_blocks(&options, 10, 6.0, blocks), 3);
    assert_int_equal(blocks[0].count, 10);
    assert_near(blocks[0].guess, 6.0 * FI_EMBEDDED_STIFFNESS, 1e-12);
    assert_near(blocks[0].shape, FI_EMBEDDED_SHAPE, 0.0);
    assert_int_equal(blocks[1].first, 10);
    assert_int_equal(blocks[2].first, 12);
    assert_near(blocks[2].guess, 9.0, 0.0);
    options.embedded_stiffness = 3.0;
    options.embedded_shape = 7.0;
    (void)fi_learn_blocks(&options, 10, 6.0, blocks);
    assert_near(blocks[0].guess, 18.0, 1e-12);
    assert_near(blocks[0].shape, 7.0, 0.0);
    (void)fi_learn_blocks(&options, 10, 0.0, blocks); /* items that are all alike */
    assert_near(blocks[0].guess, FI_PRECISION_LEAST, 0.0);
    options.prior_precision = 2.5;
    (void)fi_learn_blocks(&options, 10, 6.0, blocks);
    assert_true(blocks[0].guess == 2.5 && isinf(blocks[0].shape));
}

/* ---- extras ---- */

enum { OF_A_PROMPT = 5 };

/* One extra by which the answers go, and one that tells nothing. */
struct hinted {
    float raw[2 * 200];
    uint32_t groups[200];
    fi_extras extras;
    fi_block blocks[2];
};

static void hint(struct hinted *made, const world *from) {
    fd_rng rng = fd_rng_seeded(77);
    static const uint32_t ids[] = {40, 7};
    for (size_t i = 0; i < from->n_items; i++) {
        made->groups[i] = (uint32_t)(i / OF_A_PROMPT);
        made->raw[2 * i] = (float)(100.0 + 10.0 * from->rewards[i]);
        made->raw[2 * i + 1] = (float)fd_rng_normal(&rng);
    }
    made->extras = (fi_extras){from->n_items, 2, ids, made->raw, made->groups, NULL};
    for (uint32_t g = 0; g < 2; g++)
        made->blocks[g] =
            (fi_block){.first = g, .count = 1, .guess = 4.0, .shape = 1.0, .averaged = true};
}

/* Pairs within prompts, whose rewards the embedding does not know. */
static world hinted_world(uint64_t seed, size_t count) {
    fd_rng rng = fd_rng_seeded(seed);
    world from = world_new(seed, 200, 4, count, nothing);
    for (size_t i = 0; i < from.n_items; i++)
        from.rewards[i] = 2.0 * fd_rng_normal(&rng);
    for (size_t i = 0; i < count; i++) {
        uint32_t prompt = OF_A_PROMPT * (uint32_t)fd_rng_below(&rng, 200 / OF_A_PROMPT);
        uint32_t a = (uint32_t)fd_rng_below(&rng, OF_A_PROMPT);
        from.pairs[i] = (fi_pair){prompt + a, prompt + (a + 1) % OF_A_PROMPT};
        from.targets[i] = ask(&rng, from.rewards, from.pairs[i]);
    }
    return from;
}

static void an_extra_that_answers_follow_is_learned_beside_either_kind(void **state) {
    (void)state;
    WORLD from = hinted_world(9, 300);
    struct hinted hinted;
    hint(&hinted, &from);
    for (fi_kind kind = FI_KIND_AUTO; kind <= FI_KIND_NETWORK; kind++) {
        fi_learn_options options = options_for(&from, kind);
        options.train.iterations = 30;
        options.extra_blocks = hinted.blocks;
        options.n_extra_blocks = 2;
        options.cross_fits = true;
        LEARNED learned = {0};
        assert_int_equal(fi_learn(from.n_items, from.items, &hinted.extras, &from.answers, NULL,
                                  NULL, &options, &learned),
                         0);
        size_t width = fi_model_feature_count(learned.model);
        const fi_last_layer *layer = fi_model_last_layer(learned.model);
        assert_int_equal(fi_model_shape(learned.model)->extras, 2);
        assert_int_equal(fi_model_extra_ids(learned.model)[0], 40);
        assert_int_equal(fi_model_extra_ids(learned.model)[1], 7);
        assert_int_equal(layer->n_blocks, 3);
        assert_true(layer->beta[width - 2] > 1.0 && fabs(layer->beta[width - 1]) < 0.3);
        assert_true(layer->probabilities[1] > 0.99 && layer->probabilities[2] < 0.7);
        size_t count;
        fi_fit crossed = fi_evaluate_logits(300, learned.cross_fitted, from.targets, &count);
        assert_true(count >= 200 && crossed.loss < 0.55);

        /* A network goes on with its extras, and they count in the refit. */
        if (kind != FI_KIND_NETWORK)
            continue;
        LEARNED more = {0};
        assert_int_equal(fi_learn(from.n_items, from.items, &hinted.extras, &from.answers, NULL,
                                  learned.model, &options, &more),
                         0);
        assert_true(more.went_on);
        assert_true(fi_model_last_layer(more.model)->beta[width - 2] > 1.0);
    }
}

static void extras_that_do_not_fit_are_refused(void **state) {
    (void)state;
    WORLD from = hinted_world(9, 60);
    struct hinted hinted;
    hint(&hinted, &from);
    for (int kind = 0; kind < 5; kind++) {
        fi_learn_options options = options_for(&from, FI_KIND_LINEAR);
        options.extra_blocks = hinted.blocks;
        options.n_extra_blocks = kind == 0 ? 1 : 2; /* columns without a block */
        fi_extras extras = hinted.extras;
        if (kind == 1) /* items without extras */
            extras.n_items--;
        if (kind == 2)
            hinted.raw[11] = INFINITY;
        if (kind == 3)
            hinted.blocks[1].first = 0;
        fi_learned none = {0};
        assert_int_equal(fi_learn(from.n_items, from.items, kind == 4 ? NULL : &extras,
                                  &from.answers, NULL, NULL, &options, &none),
                         -EINVAL);
        assert_null(none.model);
        hinted.raw[11] = 0.0f;
        hinted.blocks[1].first = 1;
    }
}

/* ---- cross-fitting ---- */

/* Turning the answers of one cluster changes every logit but its own. */
static void the_logits_of_a_cluster_come_from_models_that_never_saw_it(void **state) {
    (void)state;
    enum { COUNT = 240, CLUSTERS = 40 };
    WORLD from = hinted_world(5, COUNT);
    uint32_t clusters[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        clusters[i] = from.pairs[i].a / OF_A_PROMPT;
    from.answers.clusters = clusters;
    uint8_t folds[COUNT];
    assert_int_equal(fi_folds_assign(&from.answers, folds), 0);
    for (fi_kind kind = FI_KIND_AUTO; kind <= FI_KIND_LINEAR; kind++) {
        fi_learn_options options = options_for(&from, kind);
        options.train.iterations = 3;
        options.cross_fits = true;
        LEARNED before = learn(&from, &options);
        assert_false(is_network(&before));
        for (uint32_t turned = 0; turned < CLUSTERS; turned += 9) {
            uint8_t fold = 0;
            for (size_t i = 0; i < COUNT; i++)
                if (clusters[i] == turned) {
                    from.targets[i] = 1.0f - from.targets[i];
                    fold = folds[i];
                }
            LEARNED after = learn(&from, &options);
            for (size_t i = 0; i < COUNT; i++) {
                assert_true(isfinite(after.cross_fitted[i]));
                assert_int_equal(after.cross_fitted[i] == before.cross_fitted[i], folds[i] == fold);
            }
            for (size_t i = 0; i < COUNT; i++)
                if (clusters[i] == turned)
                    from.targets[i] = 1.0f - from.targets[i];
        }
    }
}

static void there_are_logits_only_where_they_are_asked_for_and_folds_are_filled(void **state) {
    (void)state;
    WORLD from = world_new(3, 80, 4, 100, along_the_axes);
    fi_learn_options options = options_for(&from, FI_KIND_LINEAR);
    LEARNED unasked = learn(&from, &options);
    assert_null(unasked.cross_fitted);
    options.cross_fits = true;
    LEARNED asked = learn(&from, &options);
    assert_same_parameters(unasked.model, asked.model);
    from.answers.count = 7;
    LEARNED few = learn(&from, &options);
    for (size_t i = 0; i < 7; i++)
        assert_true(isnan(few.cross_fitted[i]));
}

static void a_loss_by_logits_is_that_of_the_answers_that_have_one(void **state) {
    (void)state;
    const double logits[] = {1.0, NAN, -2.0, 0.5};
    const float targets[] = {1.0f, 0.0f, 0.5f, 0.0f};
    size_t count;
    fi_fit fit = fi_evaluate_logits(4, logits, targets, &count);
    assert_int_equal(count, 3);
    assert_int_equal(fit.decided, 2);
    assert_near(fit.accuracy, 0.5, 1e-12);
    double loss = log(1.0 + exp(-1.0)) + log(1.0 + exp(-2.0)) + 1.0 + log(1.0 + exp(0.5));
    assert_near(fit.loss, loss / 3.0, 1e-12);
    fit = fi_evaluate_logits(1, logits + 1, targets, &count);
    assert_int_equal(count, 0);
    assert_true(isnan(fit.loss) && isnan(fit.accuracy));
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
        assert_true(honest.calibration_error < 0.06);
        assert_true(honest.least_weight >= 1e-4);

        options.kind = FI_KIND_LINEAR;
        options.prior_precision = FI_PRECISION_LEAST;
        LEARNED sure = learn(&from, &options);
        struct honesty wrong = honesty_of(&from, &sure);
        assert_true(wrong.calibration_error >= 0.06);
        assert_true(wrong.least_weight < 1e-4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_share_that_is_done_rises_from_0_to_1_and_a_refusal_ends_it),
        cmocka_unit_test(unusual_answers_and_items_give_finite_rewards),
        cmocka_unit_test(more_components_than_inputs_become_one_per_input),
        cmocka_unit_test(prepared_inputs_teach_what_their_embeddings_teach),
        cmocka_unit_test(a_network_takes_inputs_that_are_too_wide_for_a_linear_model),
        cmocka_unit_test(input_that_nothing_can_be_learned_from_is_refused),
        cmocka_unit_test(a_given_precision_is_that_of_the_fit),
        cmocka_unit_test(a_refit_from_the_fit_of_a_training_takes_few_steps),
        cmocka_unit_test(uninformative_answers_keep_the_guessed_precision),
        cmocka_unit_test(the_blocks_are_those_of_the_embedding_and_then_of_the_extras),
        cmocka_unit_test(an_extra_that_answers_follow_is_learned_beside_either_kind),
        cmocka_unit_test(extras_that_do_not_fit_are_refused),
        cmocka_unit_test(the_logits_of_a_cluster_come_from_models_that_never_saw_it),
        cmocka_unit_test(there_are_logits_only_where_they_are_asked_for_and_folds_are_filled),
        cmocka_unit_test(a_loss_by_logits_is_that_of_the_answers_that_have_one),
        cmocka_unit_test(probabilities_are_calibrated_where_an_unregularised_fit_is_sure_and_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
