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
static void a_linear_model_is_fitted_to_all_labels_that_are_not_held_out(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    options.held_out_fraction = 0.3;
    options.prior_precision = 2.0;
    struct known known, room;
    fd_engine *engine = answered(&options, &known);

    struct serving serving;
    copy_model(engine, 0, &serving);
    fi_answers answers = learned(&known, 0, ANSWERS, &room);
    assert_in_range(answers.count, ANSWERS / 2, ANSWERS * 9 / 10);
    fi_refit_options refit = fi_refit_defaults();
    refit.prior_precision = 2.0;
    fi_refit_result result;
    double beta[WIDEST] = {0};
    assert_int_equal(
        fi_refit(ITEMS, serving.width, serving.features, &answers, &refit, beta, &result), 0);
    assert_true(is_close(beta, serving.beta, serving.width, 1e-6));
    fd_engine_close(engine);
}

static void a_refit_learns_the_prior_again_and_the_information_follows(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    options.held_out_fraction = 0.3;
    struct known known, room;
    fd_engine *engine = answered(&options, &known);

    struct serving serving, trained;
    copy_model(engine, 0, &serving);
    copy_model(engine, 1, &trained);
    fi_answers answers = learned(&known, 0, ANSWERS, &room);
    fi_refit_options refit = fi_refit_defaults();
    refit.prior_precision = 0.0;
    double beta[WIDEST] = {0}, precision = 0.0;
    fi_refit_result result;
    assert_int_equal(fi_learn_linear(ITEMS, serving.width, serving.features, &answers, &refit, beta,
                                     &precision, &result),
                     0);
    assert_true(fabs(serving.row.prior_precision / precision - 1.0) < 2e-3);
    assert_true(fabs(trained.row.prior_precision / precision - 1.0) > 0.01);
    assert_true(is_close(beta, serving.beta, serving.width, 1e-3));

    FD_CLEANUP(fi_factor_freep) fi_factor *factor = NULL;
    fi_answers all = {.count = known.count, .pairs = known.pairs, .targets = known.targets};
    FD_CLEANUP(fi_information_freep) fi_information *past = information_of(&serving, &all);
    assert_int_equal(fi_factor_new(past, serving.row.prior_precision, &factor), 0);
    assert_true(fabs(fixture_model(engine).logdet - fi_factor_logdet(factor)) < 1e-6);
    fd_engine_close(engine);
}

static void held_out_labels_are_counted_but_not_learned_from(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    options.held_out_fraction = 1;
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 2, 4);
    double before = score_of(engine, "p0-r0");
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    fd_engine_wait_refitted(engine);
    assert_true(score_of(engine, "p0-r0") == before);
    assert_int_equal(fixture_model(engine).labels_fitted, 1);
    fd_engine_close(engine);
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

static void what_a_network_was_trained_on_is_the_prior_of_the_fit_to_newer_labels(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_NETWORK);
    options.held_out_fraction = 0.3;
    struct known known, room;
    fd_engine *engine = answered(&options, &known);

    struct serving serving, trained;
    copy_model(engine, 0, &serving);
    copy_model(engine, 1, &trained);
    assert_true(serving.row.prior_precision == trained.row.prior_precision);
    fi_answers before = learned(&known, 0, ANSWERS / 2, &room);
    FD_CLEANUP(fi_information_freep) fi_information *past = information_of(&trained, &before);
    fi_answers after = learned(&known, ANSWERS / 2, ANSWERS, &room);
    fi_refit_options refit = fi_refit_defaults();
    refit.prior_precision = trained.row.prior_precision;
    refit.prior_mean = trained.beta;
    refit.prior_information = past;
    fi_refit_result result;
    double beta[WIDEST] = {0};
    assert_int_equal(
        fi_refit(ITEMS, trained.width, trained.features, &after, &refit, beta, &result), 0);
    assert_true(is_close(beta, serving.beta, serving.width, 1e-6));
    assert_false(is_close(beta, trained.beta, serving.width, 1e-3));
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
        cmocka_unit_test(a_linear_model_is_fitted_to_all_labels_that_are_not_held_out),
        cmocka_unit_test(a_refit_learns_the_prior_again_and_the_information_follows),
        cmocka_unit_test(held_out_labels_are_counted_but_not_learned_from),
        cmocka_unit_test(corrections_and_retractions_are_learned_at_once),
        cmocka_unit_test(an_untrained_network_is_not_refitted),
        cmocka_unit_test(what_a_network_was_trained_on_is_the_prior_of_the_fit_to_newer_labels),
        cmocka_unit_test(a_trained_model_is_not_refitted_without_newer_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
