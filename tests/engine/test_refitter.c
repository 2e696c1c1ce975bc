/* The last layer learns from labels as they come, without a training. */
#include "model_versions.h"
#include "refit_world.h"
#include "trainer.h"

/* ---- a linear model ---- */

static void a_label_moves_the_rewards_of_its_items_without_a_training(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_AUTO);
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 2, 4);
    double gap[3];
    for (size_t i = 0; i < 3; i++) {
        if (i > 0) {
            assert_int_equal(fixture_label(engine, i, "p0-r0", "p0-r1", FD_PREFER_A), 0);
            fd_engine_wait_refitted(engine);
        }
        gap[i] = score_of(engine, "p0-r0") - score_of(engine, "p0-r1");
        fd_model_info model = fixture_model(engine);
        assert_int_equal(model.version, 0);
        assert_int_equal(model.refits, i);
        assert_int_equal(model.labels_fitted, i);
    }
    assert_true(gap[1] > 0.01);
    assert_true(gap[2] > gap[1] + 0.01);
    assert_true(prints(engine, "fisherd_refits_total{result=\"published\"} 2\n"));
    assert_true(prints(engine, "fisherd_refit_seconds_count 2\n"));
    assert_true(prints(engine, "fisherd_label_to_model_seconds_count 2\n"));
    fd_engine_close(engine);
}

/* The second half of the labels comes after the training. */
static void a_model_of_either_kind_is_fitted_to_all_labels(void **state) {
    (void)state;
    for (int kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++)
        for (int given = 0; given < 2; given++) {
            fd_engine_options options = refit_options((fi_kind)kind);
            options.prior_precision = given ? 2.0 : 0.0;
            struct known known, room;
            fd_engine *engine = answered(&options, &known);
            SERVING serving = {0};
            SERVING trained = {0};
            copy_model(engine, 0, &serving);
            copy_model(engine, 1, &trained);
            fi_answers answers = learned(&known, 0, ANSWERS, &room);
            assert_int_equal(answers.count, ANSWERS);
            FD_CLEANUP(fi_last_layer_freep)
            fi_last_layer *layer = fitted_to(&trained, &answers, options.prior_precision);
            assert_true(is_close(layer->beta, serving.beta, serving.width, 1e-6));
            assert_false(is_close(trained.beta, serving.beta, serving.width, 1e-3));
            assert_true(fabs(layer->design_effect - serving.layer->design_effect) < 1e-9);
            assert_true(fabs(serving.row.prior_precision / layer->precisions[0] - 1.0) < 1e-6);
            assert_int_equal(serving.precision == trained.precision, given);
            fd_engine_close(engine);
        }
}

/* Answers to one pair after another, five to each, of which four agree. */
static void vote(fd_engine *engine, size_t first, size_t last) {
    for (size_t i = first; i < last; i++) {
        uint32_t a = (uint32_t)(i / 5 % ITEMS), b = (uint32_t)((i / 5 * 7 + 1 + i / 400) % ITEMS);
        b = a == b ? (b + 1) % ITEMS : b;
        bool prefers_a = (a * 5 < b * 3) != (i % 5 == 4);
        assert_int_equal(
            fixture_label(engine, i, id_of(a), id_of(b), prefers_a ? FD_PREFER_A : FD_PREFER_B), 0);
    }
    fd_engine_wait_refitted(engine);
}

static void
the_design_effect_of_many_answers_stands_until_there_are_a_twentieth_more(void **state) {
    (void)state;
    static const size_t answers[] = {1000, 1025, 1050, 1055};
    double effects[FD_LENGTH(answers)];
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, PROMPTS, RESPONSES);
    for (size_t i = 0; i < FD_LENGTH(answers); i++) {
        vote(engine, i > 0 ? answers[i - 1] : 0, answers[i]);
        if (i == 0)
            train(engine);
        SERVING serving = {0};
        copy_model(engine, 0, &serving);
        effects[i] = serving.layer->design_effect;
        assert_int_equal(fixture_model(engine).labels_fitted, answers[i]);
    }
    assert_true(effects[0] > 1.2);
    assert_true(effects[1] == effects[0] && effects[2] == effects[0]);
    assert_true(effects[3] != effects[0] && fabs(effects[3] / effects[0] - 1.0) < 0.05);
    fd_engine_close(engine);
}

/* What the model knows after a refit is the inverse of the covariance of its fit, and each further
 * label adds v d d' / D. */
static void the_information_is_that_of_the_fit(void **state) {
    (void)state;
    for (int kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++) {
        fd_engine_options options = refit_options((fi_kind)kind);
        struct known known;
        fd_engine *engine = answered(&options, &known);
        SERVING serving = {0};
        copy_model(engine, 0, &serving);
        assert_true(fabs(fixture_model(engine).logdet - serving.logdet) < 1e-6);
        fd_engine_close(engine);
    }
}

static void corrections_and_retractions_are_learned_at_once(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 2, 4);
    double before = score_of(engine, "p0-r0") - score_of(engine, "p0-r1");
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    assert_int_equal(fixture_revise(engine, 1, FD_PREFER_B), 0);
    fd_engine_wait_refitted(engine);
    assert_true(score_of(engine, "p0-r0") - score_of(engine, "p0-r1") < -0.01);
    assert_int_equal(fixture_revise(engine, 1, FD_PREFER_RETRACTED), 0);
    fd_engine_wait_refitted(engine);
    assert_int_equal(fixture_model(engine).labels_fitted, 0);
    double after = score_of(engine, "p0-r0") - score_of(engine, "p0-r1");
    assert_true(after == before);
    fd_engine_close(engine);
}

/* ---- a network ---- */

static void an_untrained_network_is_not_refitted(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_NETWORK);
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 2, 4);
    double before = score_of(engine, "p0-r0");
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    fd_engine_wait_refitted(engine);
    assert_true(score_of(engine, "p0-r0") == before);
    assert_int_equal(fixture_model(engine).refits, 0);
    assert_int_equal(fixture_model(engine).labels_fitted, 0);
    fd_engine_close(engine);
}

static void a_trained_model_is_not_refitted_without_newer_labels(void **state) {
    (void)state;
    for (int kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++) {
        fd_engine_options options = refit_options((fi_kind)kind);
        struct known known;
        fd_engine *engine = answered(&options, &known);
        train(engine);
        assert_int_equal(fixture_model(engine).version, 2);
        double before[ITEMS], after[ITEMS];
        all_scores(engine, before);
        fixture_add_items(engine, PROMPTS + 1, RESPONSES);
        fd_engine_wait_refitted(engine);
        all_scores(engine, after);
        assert_true(is_close(before, after, ITEMS, 0.0));
        assert_int_equal(fixture_model(engine).refits, 0);
        assert_int_equal(fixture_model(engine).labels_fitted, ANSWERS);
        fd_engine_close(engine);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_label_moves_the_rewards_of_its_items_without_a_training),
        cmocka_unit_test(a_model_of_either_kind_is_fitted_to_all_labels),
        cmocka_unit_test(the_design_effect_of_many_answers_stands_until_there_are_a_twentieth_more),
        cmocka_unit_test(the_information_is_that_of_the_fit),
        cmocka_unit_test(corrections_and_retractions_are_learned_at_once),
        cmocka_unit_test(an_untrained_network_is_not_refitted),
        cmocka_unit_test(a_trained_model_is_not_refitted_without_newer_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
