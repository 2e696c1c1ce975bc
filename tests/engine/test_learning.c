/* What is learned by default and as the options ask: kinds of model, their prior, their parents. */
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

/* Answers pairs of the same prompt, the first `count` of all, as the reward has it. */
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

/* Networks too, so that none is worse than what served and rejected. */
static void learn_quickly(struct desk *desk) {
    desk->options.train.iterations = 400;
    desk->options.train.learning_rate = 0.02;
}

static void start_answered(struct desk *desk, double (*reward)(const float *), size_t count) {
    desk_start(desk, PROMPTS, RESPONSES);
    answer_by(desk->engine, reward, count);
}

/* The figures of the version that a training leaves serving. */
static fd_model_row train(struct desk *desk, fd_retrain from) {
    fd_fault fault = {0};
    uint64_t before = fixture_model(desk->engine).version;
    assert_int_equal(fd_engine_train(desk->engine, from, &fault), 0);
    fd_engine_wait_trained(desk->engine);
    fd_model_row row = fixture_model(desk->engine).row;
    assert_int_equal(row.version, before + 1);
    return row;
}

/* log det of what a selection counts as known; 0 asks for no prior precision. */
static double known(struct desk *desk, double prior_precision) {
    fd_selection_request request = fixture_request(1, FI_SCOPE_ANY, 1);
    request.generate.include_labelled = true;
    request.prior_precision = prior_precision;
    fd_selection_result answer;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_select(desk->engine, &request, &answer, &fault), 0);
    double logdet = answer.logdet_before;
    fd_selection_result_clear(&answer);
    return logdet;
}

static void assert_near(double one, double other) {
    assert_true(fabs(one - other) <= 1e-6 * fabs(other) + 1e-9);
}

/* ---- the prior ---- */

static void the_prior_precision_is_learned_from_the_answers_and_shown(void **state) {
    (void)state;
    double learned[2];
    for (size_t plain = 0; plain < 2; plain++) {
        FD_CLEANUP(desk_clear) struct desk desk;
        desk_prepare(&desk);
        start_answered(&desk, plain ? first_number : its_square, PAIRS);
        fd_model_row row = train(&desk, FD_RETRAIN_CONFIGURED);
        assert_true(isfinite(row.prior_precision) && row.prior_precision > 0);
        learned[plain] = row.prior_precision;
    }
    /* Answers that a linear model foresees want large weights, others want none. */
    assert_true(learned[1] < 0.1 * learned[0]);
}

static void a_prior_precision_that_was_asked_for_is_not_learned(void **state) {
    (void)state;
    static const fi_kind kinds[] = {FI_KIND_LINEAR, FI_KIND_NETWORK};
    for (size_t i = 0; i < FD_LENGTH(kinds); i++) {
        FD_CLEANUP(desk_clear) struct desk desk;
        desk_prepare(&desk);
        desk.options.kind = kinds[i];
        desk.options.prior_precision = 0.25;
        start_answered(&desk, first_number, 60);
        assert_near(known(&desk, 0), known(&desk, 0.25));
        assert_true(train(&desk, FD_RETRAIN_CONFIGURED).prior_precision == 0.25);
        assert_near(known(&desk, 0), known(&desk, 0.25));
    }
}

static void a_selection_takes_the_prior_precision_of_the_model_that_serves(void **state) {
    (void)state;
    static const fi_kind kinds[] = {FI_KIND_LINEAR, FI_KIND_NETWORK};
    for (size_t i = 0; i < FD_LENGTH(kinds); i++) {
        FD_CLEANUP(desk_clear) struct desk desk;
        desk_prepare(&desk);
        desk.options.kind = kinds[i];
        desk_start(&desk, PROMPTS, RESPONSES);
        double features = (double)fixture_model(desk.engine).feature_count;
        assert_near(known(&desk, 0), features * log(features)); /* rewards vary by about one */

        answer_by(desk.engine, first_number, PAIRS);
        double first = train(&desk, FD_RETRAIN_CONFIGURED).prior_precision;
        assert_true(first != features);
        assert_near(known(&desk, 0), known(&desk, first));
        assert_true(known(&desk, 0) < known(&desk, 2 * first) - 1e-3);
        assert_near(known(&desk, 0), fixture_model(desk.engine).logdet);

        assert_int_equal(fixture_label(desk.engine, PAIRS, "p0-r0", "p1-r0", FD_PREFER_TIE), 0);
        assert_near(known(&desk, 0), known(&desk, first));
        desk_reopen(&desk);
        assert_true(fixture_model(desk.engine).row.prior_precision == first);
        assert_near(known(&desk, 0), known(&desk, first));
        assert_near(known(&desk, 0), fixture_model(desk.engine).logdet);
    }
}

static void a_version_gone_back_to_brings_its_own_prior_precision(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    fd_fault fault = {0};
    desk_prepare(&desk);
    start_answered(&desk, first_number, 20);
    double first = train(&desk, FD_RETRAIN_CONFIGURED).prior_precision;
    answer_by(desk.engine, first_number, PAIRS);
    double second = train(&desk, FD_RETRAIN_CONFIGURED).prior_precision;
    assert_true(first != second);
    assert_near(known(&desk, 0), known(&desk, second));
    assert_int_equal(fd_engine_model_activate(desk.engine, 1, &fault), 0);
    assert_true(fixture_model(desk.engine).row.prior_precision == first);
    assert_near(known(&desk, 0), known(&desk, first));
}

/* ---- kinds of model ---- */

static void assert_shape(struct desk *desk, uint32_t components, uint32_t hidden_layers,
                         size_t features) {
    fd_model_info info = fixture_model(desk->engine);
    assert_int_equal(info.shape.inputs, DIMENSION);
    assert_int_equal(info.shape.components, components);
    assert_int_equal(info.shape.hidden_layers, hidden_layers);
    assert_int_equal(info.feature_count, features);
}

static void a_linear_model_has_the_components_for_features_as_far_as_there_are_any(void **state) {
    (void)state;
    static const struct {
        uint32_t asked, components;
        size_t features;
    } cases[] = {{128, DIMENSION, DIMENSION}, {3, 3, 3}, {0, 0, DIMENSION}};
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        FD_CLEANUP(desk_clear) struct desk desk;
        desk_prepare(&desk);
        desk.options.kind = FI_KIND_LINEAR;
        desk.options.components = cases[i].asked;
        start_answered(&desk, its_square, PAIRS);
        assert_shape(&desk, cases[i].components, 0, cases[i].features);
        (void)train(&desk, FD_RETRAIN_CONFIGURED);
        assert_shape(&desk, cases[i].components, 0, cases[i].features);
    }
}

static void a_network_is_one_from_the_start_and_stays_one(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_prepare(&desk);
    desk.options.kind = FI_KIND_NETWORK;
    desk.options.hidden_layers = 2;
    start_answered(&desk, first_number, 20);
    assert_shape(&desk, DIMENSION, 2, desk.options.hidden_width);
    (void)train(&desk, FD_RETRAIN_CONFIGURED);
    assert_shape(&desk, DIMENSION, 2, desk.options.hidden_width);
}

static void without_a_wish_a_model_is_a_network_where_that_foresees_more(void **state) {
    (void)state;
    for (size_t plain = 0; plain < 2; plain++) {
        FD_CLEANUP(desk_clear) struct desk desk;
        desk_prepare(&desk);
        learn_quickly(&desk);
        start_answered(&desk, plain ? first_number : its_square, PAIRS);
        assert_shape(&desk, DIMENSION, 0, DIMENSION);
        (void)train(&desk, FD_RETRAIN_CONFIGURED);
        if (plain)
            assert_shape(&desk, DIMENSION, 0, DIMENSION);
        else
            assert_shape(&desk, DIMENSION, 1, desk.options.hidden_width);
    }
}

/* ---- where a training begins ---- */

static void prepare_network(struct desk *desk, fd_retrain retrain) {
    desk_prepare(desk);
    desk->options.kind = FI_KIND_NETWORK;
    desk->options.retrain = retrain;
    desk->options.held_out_fraction = 0.2;
}

static void assert_goes_on(fd_model_row row) {
    assert_int_equal(row.scratch, 0);
    assert_int_equal(row.parent, row.version - 1);
}

static void assert_fresh(fd_model_row row) {
    assert_int_equal(row.scratch, 1);
    assert_int_equal(row.parent, 0);
}

static void a_warm_retraining_goes_on_from_the_network_that_serves(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    prepare_network(&desk, FD_RETRAIN_WARM);
    start_answered(&desk, first_number, 100);
    assert_fresh(train(&desk, FD_RETRAIN_CONFIGURED)); /* nothing trained served */
    assert_goes_on(train(&desk, FD_RETRAIN_CONFIGURED));
    answer_by(desk.engine, first_number, PAIRS);
    assert_goes_on(train(&desk, FD_RETRAIN_CONFIGURED));
    assert_fresh(train(&desk, FD_RETRAIN_SCRATCH));
    assert_goes_on(train(&desk, FD_RETRAIN_CONFIGURED));
}

static void by_default_every_training_is_from_scratch_unless_a_request_asks(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    prepare_network(&desk, fd_engine_defaults().retrain);
    start_answered(&desk, first_number, 100);
    assert_fresh(train(&desk, FD_RETRAIN_CONFIGURED));
    assert_fresh(train(&desk, FD_RETRAIN_CONFIGURED));
    assert_goes_on(train(&desk, FD_RETRAIN_WARM));
    assert_fresh(train(&desk, FD_RETRAIN_CONFIGURED));
}

static void an_automatic_retraining_is_fresh_once_the_labels_have_doubled(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    prepare_network(&desk, FD_RETRAIN_AUTO);
    start_answered(&desk, first_number, 100);
    assert_fresh(train(&desk, FD_RETRAIN_CONFIGURED));
    answer_by(desk.engine, first_number, 199);
    assert_goes_on(train(&desk, FD_RETRAIN_CONFIGURED));
    answer_by(desk.engine, first_number, 200);
    assert_fresh(train(&desk, FD_RETRAIN_CONFIGURED));
    assert_goes_on(train(&desk, FD_RETRAIN_CONFIGURED));
}

static void a_linear_model_has_no_parent_however_it_is_asked_for(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    prepare_network(&desk, FD_RETRAIN_WARM);
    desk.options.kind = FI_KIND_AUTO;
    start_answered(&desk, first_number, PAIRS);
    assert_fresh(train(&desk, FD_RETRAIN_WARM));
    assert_fresh(train(&desk, FD_RETRAIN_WARM));
    assert_shape(&desk, DIMENSION, 0, DIMENSION);
}

static void a_network_does_not_go_on_from_a_linear_model_nor_from_one_of_another_width(void **s) {
    (void)s;
    FD_CLEANUP(desk_clear) struct desk desk;
    prepare_network(&desk, FD_RETRAIN_WARM);
    learn_quickly(&desk);
    desk.options.kind = FI_KIND_LINEAR;
    start_answered(&desk, first_number, 100);
    (void)train(&desk, FD_RETRAIN_CONFIGURED);
    desk.options.kind = FI_KIND_NETWORK;
    desk_reopen(&desk);
    assert_fresh(train(&desk, FD_RETRAIN_CONFIGURED));
    desk.options.hidden_width++;
    desk_reopen(&desk);
    assert_fresh(train(&desk, FD_RETRAIN_CONFIGURED));
    assert_goes_on(train(&desk, FD_RETRAIN_CONFIGURED));
}

/* ---- nothing held out ---- */

static void without_held_out_answers_every_kind_learns_from_all(void **state) {
    (void)state;
    for (fi_kind kind = FI_KIND_AUTO; kind <= FI_KIND_NETWORK; kind++) {
        FD_CLEANUP(desk_clear) struct desk desk;
        prepare_network(&desk, FD_RETRAIN_WARM);
        learn_quickly(&desk);
        desk.options.kind = kind;
        desk.options.held_out_fraction = 0;
        start_answered(&desk, its_square, PAIRS);
        fd_model_row first = train(&desk, FD_RETRAIN_CONFIGURED);
        fd_model_row second = train(&desk, FD_RETRAIN_CONFIGURED);
        assert_int_equal(first.labels, PAIRS);
        assert_int_equal(first.held_out_labels, 0);
        assert_true(isnan(first.held_out_loss) && isfinite(first.train_loss));
        assert_true(first.prior_precision > 0 && second.prior_precision > 0);
        assert_true((first.train_loss < 0.5) == (kind != FI_KIND_LINEAR));
        assert_true((second.train_loss < 0.5) == (kind != FI_KIND_LINEAR));
        /* What a network saw it cannot be compared on. */
        (kind == FI_KIND_NETWORK ? assert_goes_on : assert_fresh)(second);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_prior_precision_is_learned_from_the_answers_and_shown),
        cmocka_unit_test(a_prior_precision_that_was_asked_for_is_not_learned),
        cmocka_unit_test(a_selection_takes_the_prior_precision_of_the_model_that_serves),
        cmocka_unit_test(a_version_gone_back_to_brings_its_own_prior_precision),
        cmocka_unit_test(a_linear_model_has_the_components_for_features_as_far_as_there_are_any),
        cmocka_unit_test(a_network_is_one_from_the_start_and_stays_one),
        cmocka_unit_test(without_a_wish_a_model_is_a_network_where_that_foresees_more),
        cmocka_unit_test(a_warm_retraining_goes_on_from_the_network_that_serves),
        cmocka_unit_test(by_default_every_training_is_from_scratch_unless_a_request_asks),
        cmocka_unit_test(an_automatic_retraining_is_fresh_once_the_labels_have_doubled),
        cmocka_unit_test(a_linear_model_has_no_parent_however_it_is_asked_for),
        cmocka_unit_test(
            a_network_does_not_go_on_from_a_linear_model_nor_from_one_of_another_width),
        cmocka_unit_test(without_held_out_answers_every_kind_learns_from_all),
    };
    return cmocka_run_group_tests_name("learning", tests, NULL, NULL);
}
