/* What is learned by default and with the options: kinds of model, their prior, their parents. */
#include "fixture.h"
#include "model_versions.h"
#include "select.h"
#include "trainer.h"

#include <math.h>

enum { PROMPTS = 16, RESPONSES = 8, PAIRS = PROMPTS * RESPONSES * (RESPONSES - 1) / 2 };

static double first_number(const float *embedding) {
    return (double)embedding[0];
}

static double its_square(const float *embedding) {
    return (double)embedding[0] * (double)embedding[0];
}

/* Labels the first `count` in-prompt pairs by the reward. */
static void answer_by(fd_engine *engine, double (*reward)(const float *), size_t count) {
    float embeddings[PROMPTS * RESPONSES * DIMENSION];
    fixture_embeddings(embeddings, PROMPTS * RESPONSES);
    size_t number = 0;
    for (size_t p = 0; p < PROMPTS; p++)
        for (size_t a = 0; a < RESPONSES; a++)
            for (size_t b = a + 1; b < RESPONSES && number < count; b++) {
                const float *items = embeddings + p * RESPONSES * DIMENSION;
                bool first = reward(items + a * DIMENSION) > reward(items + b * DIMENSION);
                assert_int_equal(fixture_label(engine, number++, fixture_item_id(p, a),
                                               fixture_item_id(p, b),
                                               first ? FD_PREFER_A : FD_PREFER_B),
                                 0);
            }
}

/* Makes networks good enough that none is rejected. */
static void learn_quickly(struct world *world) {
    world->options.train.iterations = 400;
    world->options.train.learning_rate = 0.02;
}

static void start_answered(struct world *world, double (*reward)(const float *), size_t count) {
    world_start(world, PROMPTS, RESPONSES);
    answer_by(world->engine, reward, count);
}

/* Trains, and returns the figures of the new version, which serves. */
static fd_model_row train(struct world *world, fd_retrain from) {
    fd_fault fault = {0};
    uint64_t before = fixture_model(world->engine).version;
    assert_int_equal(fd_engine_train(world->engine, from, &fault), 0);
    fd_engine_wait_trained(world->engine);
    fd_model_row row = fixture_model(world->engine).row;
    assert_int_equal(row.version, before + 1);
    return row;
}

/* log det of what a selection counts as known; 0 is the default prior precision. */
static double known(struct world *world, double prior_precision) {
    fd_selection_request request = fixture_request(1, FI_SCOPE_ANY, 1);
    request.generate.include_labelled = true;
    request.prior_precision = prior_precision;
    fd_selection_result result;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_select(world->engine, &request, &result, &fault), 0);
    double logdet = result.logdet_before;
    fd_selection_result_clear(&result);
    return logdet;
}

static void assert_near(double one, double other) {
    assert_true(fabs(one - other) <= 1e-6 * fabs(other) + 1e-9);
}

/* ---- the prior ---- */

static void the_prior_precision_is_learned_from_the_labels_and_shown(void **state) {
    (void)state;
    double learned[2];
    for (size_t plain = 0; plain < 2; plain++) {
        FD_CLEANUP(world_clear) struct world world;
        world_prepare(&world);
        start_answered(&world, plain ? first_number : its_square, PAIRS);
        fd_model_row row = train(&world, FD_RETRAIN_CONFIGURED);
        assert_true(isfinite(row.prior_precision) && row.prior_precision > 0);
        learned[plain] = row.prior_precision;
    }
    /* Labels that a linear model can predict need large weights, the others none. */
    assert_true(learned[1] < 0.1 * learned[0]);
}

static void a_configured_prior_precision_is_not_learned(void **state) {
    (void)state;
    static const fi_kind kinds[] = {FI_KIND_LINEAR, FI_KIND_NETWORK};
    for (size_t i = 0; i < FD_LENGTH(kinds); i++) {
        FD_CLEANUP(world_clear) struct world world;
        world_prepare(&world);
        world.options.kind = kinds[i];
        world.options.prior_precision = 0.25;
        start_answered(&world, first_number, 60);
        assert_near(known(&world, 0), known(&world, 0.25));
        assert_true(train(&world, FD_RETRAIN_CONFIGURED).prior_precision == 0.25);
        assert_near(known(&world, 0), known(&world, 0.25));
    }
}

static void a_selection_takes_the_prior_precision_of_the_model_that_serves(void **state) {
    (void)state;
    static const fi_kind kinds[] = {FI_KIND_LINEAR, FI_KIND_NETWORK};
    for (size_t i = 0; i < FD_LENGTH(kinds); i++) {
        FD_CLEANUP(world_clear) struct world world;
        world_prepare(&world);
        world.options.kind = kinds[i];
        world.options.text_features = false;
        world_start(&world, PROMPTS, RESPONSES);
        double features = (double)fixture_model(world.engine).feature_count;
        if (kinds[i] == FI_KIND_LINEAR) /* rewards vary by about 1 / sqrt(FI_EMBEDDED_STIFFNESS) */
            assert_near(known(&world, 0), features * log(FI_EMBEDDED_STIFFNESS * features));

        answer_by(world.engine, first_number, PAIRS);
        double first = train(&world, FD_RETRAIN_CONFIGURED).prior_precision;
        assert_true(first != features);
        assert_near(known(&world, 0), known(&world, first));
        assert_true(known(&world, 0) < known(&world, 2 * first) - 1e-3);
        assert_near(known(&world, 0), fixture_model(world.engine).logdet);

        assert_int_equal(fixture_label(world.engine, PAIRS, "p0-r0", "p1-r0", FD_PREFER_TIE), 0);
        assert_near(known(&world, 0), known(&world, first));
        world_reopen(&world);
        assert_true(fixture_model(world.engine).row.prior_precision == first);
        assert_near(known(&world, 0), known(&world, first));
        assert_near(known(&world, 0), fixture_model(world.engine).logdet);
    }
}

static void an_activated_version_brings_its_own_prior_precision(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    fd_fault fault = {0};
    world_prepare(&world);
    start_answered(&world, first_number, 20);
    double first = train(&world, FD_RETRAIN_CONFIGURED).prior_precision;
    answer_by(world.engine, first_number, PAIRS);
    double second = train(&world, FD_RETRAIN_CONFIGURED).prior_precision;
    assert_true(first != second);
    assert_near(known(&world, 0), known(&world, second));
    assert_int_equal(fd_engine_model_activate(world.engine, 1, &fault), 0);
    assert_true(fixture_model(world.engine).row.prior_precision == first);
    assert_near(known(&world, 0), known(&world, first));
}

/* ---- kinds of model ---- */

static void assert_shape(struct world *world, uint32_t components, uint32_t hidden_layers,
                         size_t features) {
    fd_model_info info = fixture_model(world->engine);
    assert_int_equal(info.shape.inputs, DIMENSION);
    assert_int_equal(info.shape.components, components);
    assert_int_equal(info.shape.hidden_layers, hidden_layers);
    assert_int_equal(info.feature_count, features);
}

static void the_features_of_a_linear_model_are_its_components(void **state) {
    (void)state;
    static const struct {
        uint32_t asked, components;
        size_t features;
    } cases[] = {{128, DIMENSION, DIMENSION}, {3, 3, 3}, {0, 0, DIMENSION}};
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        FD_CLEANUP(world_clear) struct world world;
        world_prepare(&world);
        world.options.kind = FI_KIND_LINEAR;
        world.options.components = cases[i].asked;
        start_answered(&world, its_square, PAIRS);
        assert_shape(&world, cases[i].components, 0, cases[i].features);
        (void)train(&world, FD_RETRAIN_CONFIGURED);
        assert_shape(&world, cases[i].components, 0, cases[i].features);
    }
}

static void a_network_is_one_from_the_start_and_stays_one(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options.kind = FI_KIND_NETWORK;
    world.options.hidden_layers = 2;
    start_answered(&world, first_number, 20);
    assert_shape(&world, DIMENSION, 2, world.options.hidden_width);
    (void)train(&world, FD_RETRAIN_CONFIGURED);
    assert_shape(&world, DIMENSION, 2, world.options.hidden_width);
}

static void by_default_the_kind_that_predicts_better_is_chosen(void **state) {
    (void)state;
    for (size_t plain = 0; plain < 2; plain++) {
        FD_CLEANUP(world_clear) struct world world;
        world_prepare(&world);
        learn_quickly(&world);
        start_answered(&world, plain ? first_number : its_square, PAIRS);
        assert_shape(&world, DIMENSION, 0, DIMENSION);
        (void)train(&world, FD_RETRAIN_CONFIGURED);
        if (plain)
            assert_shape(&world, DIMENSION, 0, DIMENSION);
        else
            assert_shape(&world, DIMENSION, 1, world.options.hidden_width);
    }
}

/* ---- where a training begins ---- */

static void prepare_network(struct world *world, fd_retrain retrain) {
    world_prepare(world);
    world->options.kind = FI_KIND_NETWORK;
    world->options.retrain = retrain;
    learn_quickly(world);
}

static void assert_goes_on(fd_model_row row) {
    assert_int_equal(row.scratch, 0);
    assert_int_equal(row.parent, row.version - 1);
}

static void assert_fresh(fd_model_row row) {
    assert_int_equal(row.scratch, 1);
    assert_int_equal(row.parent, 0);
}

static void a_warm_training_goes_on_from_the_network_that_serves(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare_network(&world, FD_RETRAIN_WARM);
    start_answered(&world, first_number, 100);
    assert_fresh(train(&world, FD_RETRAIN_CONFIGURED)); /* the model that served was untrained */
    assert_goes_on(train(&world, FD_RETRAIN_CONFIGURED));
    answer_by(world.engine, first_number, PAIRS);
    assert_goes_on(train(&world, FD_RETRAIN_CONFIGURED));
    assert_fresh(train(&world, FD_RETRAIN_SCRATCH));
    assert_goes_on(train(&world, FD_RETRAIN_CONFIGURED));
}

static void
by_default_every_training_starts_from_scratch_unless_a_request_says_otherwise(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare_network(&world, fd_engine_defaults().retrain);
    start_answered(&world, first_number, 100);
    assert_fresh(train(&world, FD_RETRAIN_CONFIGURED));
    assert_fresh(train(&world, FD_RETRAIN_CONFIGURED));
    assert_goes_on(train(&world, FD_RETRAIN_WARM));
    assert_fresh(train(&world, FD_RETRAIN_CONFIGURED));
}

static void an_automatic_training_starts_from_scratch_once_the_labels_have_doubled(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare_network(&world, FD_RETRAIN_AUTO);
    start_answered(&world, first_number, 100);
    assert_fresh(train(&world, FD_RETRAIN_CONFIGURED));
    answer_by(world.engine, first_number, 199);
    assert_goes_on(train(&world, FD_RETRAIN_CONFIGURED));
    answer_by(world.engine, first_number, 200);
    assert_fresh(train(&world, FD_RETRAIN_CONFIGURED));
    assert_goes_on(train(&world, FD_RETRAIN_CONFIGURED));
}

static void a_linear_model_never_has_a_parent(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare_network(&world, FD_RETRAIN_WARM);
    world.options.kind = FI_KIND_AUTO;
    start_answered(&world, first_number, PAIRS);
    assert_fresh(train(&world, FD_RETRAIN_WARM));
    assert_fresh(train(&world, FD_RETRAIN_WARM));
    assert_shape(&world, DIMENSION, 0, DIMENSION);
}

static void a_network_does_not_go_on_from_a_linear_model_or_another_width(void **s) {
    (void)s;
    FD_CLEANUP(world_clear) struct world world;
    prepare_network(&world, FD_RETRAIN_WARM);
    learn_quickly(&world);
    world.options.kind = FI_KIND_LINEAR;
    start_answered(&world, first_number, 100);
    (void)train(&world, FD_RETRAIN_CONFIGURED);
    world.options.kind = FI_KIND_NETWORK;
    world_reopen(&world);
    assert_fresh(train(&world, FD_RETRAIN_CONFIGURED));
    world.options.hidden_width++;
    world_reopen(&world);
    assert_fresh(train(&world, FD_RETRAIN_CONFIGURED));
    assert_goes_on(train(&world, FD_RETRAIN_CONFIGURED));
}

/* ---- all labels train ---- */

static void every_kind_learns_from_all_labels(void **state) {
    (void)state;
    for (fi_kind kind = FI_KIND_AUTO; kind <= FI_KIND_NETWORK; kind++) {
        FD_CLEANUP(world_clear) struct world world;
        prepare_network(&world, FD_RETRAIN_WARM);
        learn_quickly(&world);
        world.options.kind = kind;
        start_answered(&world, its_square, PAIRS);
        fd_model_row first = train(&world, FD_RETRAIN_CONFIGURED);
        fd_model_row second = train(&world, FD_RETRAIN_CONFIGURED);
        assert_int_equal(first.labels, PAIRS);
        /* What is tried on other folds predicts the labels that it never saw. */
        assert_in_range(first.held_out_labels, kind == FI_KIND_LINEAR ? PAIRS : 200, PAIRS);
        assert_true((first.held_out_loss < 0.6) == (kind != FI_KIND_LINEAR));
        assert_true(first.held_out_loss > first.train_loss - 0.02);
        assert_in_range(second.held_out_labels, kind == FI_KIND_LINEAR ? PAIRS : 200, PAIRS);
        assert_true(first.prior_precision > 0 && second.prior_precision > 0);
        assert_true((first.train_loss < 0.5) == (kind != FI_KIND_LINEAR));
        assert_true((second.train_loss < 0.5) == (kind != FI_KIND_LINEAR));
        (kind == FI_KIND_LINEAR ? assert_fresh : assert_goes_on)(second);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_prior_precision_is_learned_from_the_labels_and_shown),
        cmocka_unit_test(a_configured_prior_precision_is_not_learned),
        cmocka_unit_test(a_selection_takes_the_prior_precision_of_the_model_that_serves),
        cmocka_unit_test(an_activated_version_brings_its_own_prior_precision),
        cmocka_unit_test(the_features_of_a_linear_model_are_its_components),
        cmocka_unit_test(a_network_is_one_from_the_start_and_stays_one),
        cmocka_unit_test(by_default_the_kind_that_predicts_better_is_chosen),
        cmocka_unit_test(a_warm_training_goes_on_from_the_network_that_serves),
        cmocka_unit_test(
            by_default_every_training_starts_from_scratch_unless_a_request_says_otherwise),
        cmocka_unit_test(an_automatic_training_starts_from_scratch_once_the_labels_have_doubled),
        cmocka_unit_test(a_linear_model_never_has_a_parent),
        cmocka_unit_test(a_network_does_not_go_on_from_a_linear_model_or_another_width),
        cmocka_unit_test(every_kind_learns_from_all_labels),
    };
    return cmocka_run_group_tests_name("learning", tests, NULL, NULL);
}
