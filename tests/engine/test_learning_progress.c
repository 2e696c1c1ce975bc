/* The gains of batches, the learning curve, the arms, and the advice to stop. */
#include "assignment_id.h"
#include "engine_state.h"
#include "fixture.h"
#include "label_statistics.h"
#include "learning_progress.h"
#include "model_versions.h"
#include "trainer.h"

#include <fisher/learning_curve.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PROMPTS = 8, RESPONSES = 8 };

static fd_progress progress_of(fd_engine *engine) {
    fd_progress progress;
    fd_engine_progress(engine, &progress);
    return progress;
}

static void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.17g, expected %.17g", value, expected);
}

static double gauge(fd_engine *engine, const char *name) {
    FD_FREE char *text = fixture_metrics(fd_engine_metrics(engine));
    char start[80];
    (void)snprintf(start, sizeof(start), "\n%s ", name);
    const char *found = strstr(text, start);
    assert_non_null(found);
    return strtod(found + strlen(start), NULL);
}

/* ---- versions in a store ---- */

/* A stored version whose loss of unseen labels is floor + 2 / sqrt(labels), in its exam too. */
static fd_model_row version_row(uint64_t version, double floor) {
    uint64_t labels = 100 * version;
    fd_model_row row = {
        .version = version,
        .scratch = 1,
        .bytes = (const uint8_t *)"?",
        .size = 1,
        .labels = labels,
        .held_out_labels = labels / 10,
        .held_out_loss = floor + 2 / sqrt((double)labels),
        .held_out_accuracy = 0.8,
        .held_out_accuracy_low = 0.7,
        .held_out_accuracy_high = 0.9,
        .created_ms = 1,
    };
    fd_unseen_figures_clear(&row.unseen);
    row.unseen.exam_answers = (double)labels;
    for (size_t k = 0; k < FD_EXAM_STAGES; k++) {
        row.unseen.exam_labels[k] = 0.8 * (double)labels * exp2((double)k - 3);
        row.unseen.exam_losses[k] = floor + 2 / sqrt(row.unseen.exam_labels[k]);
        for (size_t l = 0; k < FD_EXAM_STAGES - 1 && l < FD_EXAM_STAGES - 1; l++)
            row.unseen.exam_covariance[k][l] = k == l ? 1e-10 : 0;
    }
    return row;
}

static void store_row(struct world *world, const fd_model_row *row) {
    const fd_store_operations *store = world->store->operations;
    assert_int_equal(store->begin(world->store), 0);
    assert_int_equal(store->model_add(world->store, row), 0);
    assert_int_equal(store->commit(world->store), 0);
}

/* A world whose store has `n` versions. Their bytes cannot be decoded; only the figures count. */
static void begin_with_versions(struct world *world, uint64_t versions, double floor) {
    world_prepare(world);
    for (uint64_t version = 1; version <= versions; version++) {
        fd_model_row row = version_row(version, floor);
        store_row(world, &row);
    }
    world_open(world);
}

static void the_curve_of_stored_versions_is_read_at_the_start(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    begin_with_versions(&world, 12, 0.3);
    fd_progress progress = progress_of(world.engine);
    assert_int_equal(progress.n_curve, 12);
    for (uint64_t i = 0; i < 12; i++) {
        fd_model_row row = version_row(i + 1, 0.3);
        assert_int_equal(progress.curve[i].version, row.version);
        assert_int_equal(progress.curve[i].labels, row.labels);
        assert_int_equal(progress.curve[i].held_out_labels, row.held_out_labels);
        assert_true(progress.curve[i].held_out_loss == row.held_out_loss);
        assert_true(progress.curve[i].held_out_accuracy == 0.8);
    }
    assert_near(progress.expected_loss_at_double, 0.3 + 2 / sqrt(2400), 1e-6);
    assert_near(progress.expected_improvement, 2 / sqrt(1200) - 2 / sqrt(2400), 1e-6);
    assert_near(gauge(world.engine, "fisherd_expected_improvement"), progress.expected_improvement,
                1e-6);
}

static void a_rejected_version_is_not_on_the_curve(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    fd_model_row row = version_row(1, 0.3);
    store_row(&world, &row);
    row = version_row(2, 0.3);
    row.state = FD_MODEL_REJECTED;
    row.reason = "worse";
    store_row(&world, &row);
    world_open(&world);
    fd_progress progress = progress_of(world.engine);
    assert_int_equal(progress.n_curve, 1);
    assert_int_equal(progress.curve[0].version, 1);
}

static void a_long_curve_is_thinned_out_and_keeps_its_span(void **state) {
    (void)state;
    enum { VERSIONS = FD_CURVE_MAX + 40 };
    FD_CLEANUP(world_clear) struct world world;
    begin_with_versions(&world, VERSIONS, 0.3);
    fd_progress progress = progress_of(world.engine);
    assert_in_range(progress.n_curve, FD_CURVE_MAX / 2, FD_CURVE_MAX);
    for (size_t i = 1; i < progress.n_curve; i++)
        assert_true(progress.curve[i].version > progress.curve[i - 1].version);
    assert_int_equal(progress.curve[0].version, 1);
    assert_true(progress.curve[progress.n_curve - 1].version >= VERSIONS - 1);
}

/* ---- when to stop ---- */

static void assert_goes_on(fd_engine *engine, const char *reason) {
    fd_progress progress = progress_of(engine);
    assert_string_equal(progress.stop_reason, reason);
    assert_false(progress.stop_recommended);
    assert_true(gauge(engine, "fisherd_stop_recommended") == 0);
}

static void nothing_is_recommended_before_the_first_training(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    begin_with_versions(&world, 0, 0);
    assert_goes_on(world.engine, "no model was trained yet");
    fd_progress progress = progress_of(world.engine);
    assert_true(isnan(progress.gain_per_label) && isnan(progress.gain_trend));
    assert_true(isnan(progress.expected_improvement) && isnan(progress.expected_loss_at_double));
    assert_true(isnan(progress.arms.active.accuracy) && isnan(progress.arms.control.accuracy));
}

static void stopping_needs_a_hundred_answers_in_the_exam(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options.stop_below = 100;
    fd_model_row row = version_row(1, 0.3);
    row.unseen.exam_answers = 99;
    store_row(&world, &row);
    world_open(&world);
    assert_goes_on(world.engine, "too few answers in the exam: 99 of 100");
    row = version_row(2, 0.3);
    store_row(&world, &row);
    world_reopen(&world);
    assert_true(progress_of(world.engine).stop_recommended);
}

static void a_version_without_an_exam_gives_no_forecast(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    fd_model_row row = version_row(3, 0.3);
    fd_unseen_figures_clear(&row.unseen);
    store_row(&world, &row);
    world_open(&world);
    assert_goes_on(world.engine, "too few answers in the exam: 0 of 100");
    assert_true(isnan(progress_of(world.engine).expected_improvement));
}

static void the_exam_of_a_rejected_version_counts(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    fd_model_row row = version_row(1, 0.3);
    store_row(&world, &row);
    row = version_row(12, 0.3);
    row.state = FD_MODEL_REJECTED;
    row.reason = "worse";
    store_row(&world, &row);
    world_open(&world);
    assert_near(progress_of(world.engine).expected_loss_at_double, 0.3 + 2 / sqrt(2400), 1e-6);
}

static void stopping_is_not_recommended_while_more_labels_lower_the_loss(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    begin_with_versions(&world, 12, 0.3);
    assert_goes_on(world.engine, "doubling the labels is expected to lower the loss by 0.017, "
                                 "at most by 0.017");
}

static void stopping_is_recommended_when_twice_the_labels_bring_less_than_stop_below(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    begin_with_versions(&world, 12, 0.3);
    world.options.stop_below = 0.018;
    world_reopen(&world);
    fd_progress progress = progress_of(world.engine);
    assert_true(progress.stop_recommended);
    assert_string_equal(progress.stop_reason, "doubling the labels is expected to lower the "
                                              "loss by 0.017, at most by 0.017");
    assert_true(gauge(world.engine, "fisherd_stop_recommended") == 1);
}

static void stopping_is_not_recommended_while_the_exam_is_noisy(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    fd_model_row row = version_row(12, 0.3);
    for (size_t k = 0; k < FD_EXAM_STAGES; k++)
        row.unseen.exam_losses[k] = 0.5;
    for (size_t k = 0; k < FD_EXAM_STAGES - 1; k++)
        row.unseen.exam_covariance[k][k] = 0.03 * 0.03;
    store_row(&world, &row);
    world_open(&world);
    fd_progress progress = progress_of(world.engine);
    assert_true(progress.expected_improvement < 0.005);
    assert_true(progress.expected_improvement_high > 0.005);
    assert_false(progress.stop_recommended);
}

/* ---- the gain ---- */

/* Adds labels, trains another version, and waits for the batch that it chooses. */
static void answer_and_train(struct world *world, size_t first, size_t count) {
    for (size_t i = 0; i < count; i++) {
        fixture_given given = ask(world, "anna");
        answer(world, first + i, "anna", &given, i % 2 ? FD_PREFER_A : FD_PREFER_B);
    }
    fixture_wait_version(world->engine, fixture_train(world->engine));
}

static void the_gain_per_label_is_that_of_the_latest_batch(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options.refit = false;
    world_start(&world, PROMPTS, RESPONSES);
    answer_and_train(&world, 0, 6);
    fd_stats stats = fixture_stats(world.engine);
    fd_batch_record last = stats.batches[stats.n_batches - 1];
    fd_stats_clear(&stats);
    assert_int_equal(last.labels, 6);
    fd_progress progress = progress_of(world.engine);
    assert_true(progress.gain_per_label > 0);
    assert_true(progress.gain_per_label == last.gain_per_label);
    assert_near(gauge(world.engine, "fisherd_gain_per_label"), progress.gain_per_label, 1e-5);

    fixture_hand hand;
    double sum = 0;
    assert_int_equal(ask_for(&world, "anna", last.count, &hand), last.count);
    for (size_t i = 0; i < last.count; i++)
        sum += hand.given[i].gain;
    assert_near(progress.gain_per_label, sum / (double)last.count, 1e-6);
}

static void the_trend_of_the_gain_needs_batches_at_different_numbers_of_labels(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options.prior_precision = 1;
    world_start(&world, PROMPTS, RESPONSES);
    answer_and_train(&world, 0, 4);
    answer_and_train(&world, 4, 12);
    answer_and_train(&world, 16, 48);
    fd_stats stats = fixture_stats(world.engine);
    double labels[FD_BATCHES_MAX], gains[FD_BATCHES_MAX];
    for (size_t i = 0; i < stats.n_batches; i++) {
        labels[i] = (double)stats.batches[i].labels;
        gains[i] = stats.batches[i].gain_per_label;
    }
    size_t n = stats.n_batches;
    fd_stats_clear(&stats);
    assert_true(labels[n - 1] == 64);
    fd_progress progress = progress_of(world.engine);
    assert_true(progress.gain_per_label == gains[n - 1]);
    double trend = progress.gain_trend;
    assert_true(trend < 0);
    assert_near(trend, fi_power_slope(n, labels, gains), 1e-9);
    assert_near(gauge(world.engine, "fisherd_gain_trend"), trend, 1e-5);
}

/* ---- the arms ---- */

/* Labels all pairs by the first number of the embeddings. Each fourth comes from the control arm;
 * of the others, `wrong` says whether all are wrong. */
static void answer_by_arm(fd_engine *engine, bool wrong) {
    float embeddings[PROMPTS * RESPONSES * DIMENSION];
    fixture_embeddings(embeddings, PROMPTS * RESPONSES);
    size_t number = 0;
    for (size_t p = 0; p < PROMPTS; p++)
        for (size_t a = 0; a < RESPONSES; a++)
            for (size_t b = a + 1; b < RESPONSES; b++) {
                bool control = number % 4 == 0;
                bool first = embeddings[(p * RESPONSES + a) * DIMENSION] >
                             embeddings[(p * RESPONSES + b) * DIMENSION];
                fixture_given given = {.control = control};
                fi_pair pair = {(uint32_t)(p * RESPONSES + a), (uint32_t)(p * RESPONSES + b)};
                fd_assignment_id_make(engine->assignment_key, pair, "anna", control, 0.5, given.id);
                (void)snprintf(given.a, sizeof(given.a), "%s", fixture_item_id(p, a));
                (void)snprintf(given.b, sizeof(given.b), "%s", fixture_item_id(p, b));
                fd_preference preference = first != (!control && wrong) ? FD_PREFER_A : FD_PREFER_B;
                assert_int_equal(fixture_answer(engine, number++, "anna", &given, preference), 0);
            }
}

static fd_progress learn_by_arm(struct world *world, bool wrong) {
    world_prepare(world);
    world->options.hidden_layers = 0;
    world_start(world, PROMPTS, RESPONSES);
    answer_by_arm(world->engine, wrong);
    (void)fixture_train(world->engine);
    fd_engine_wait_trained(world->engine);
    return progress_of(world->engine);
}

static void all_labels_train_and_their_unseen_accuracy_is_shown_by_arm(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    fd_progress progress = learn_by_arm(&world, false);
    fd_model_info info = fixture_model(world.engine);
    const fd_arm_fit *active = &progress.arms.active, *control = &progress.arms.control;
    size_t labels = PROMPTS * RESPONSES * (RESPONSES - 1) / 2;
    assert_int_equal(info.row.labels, labels);
    assert_int_equal(info.row.held_out_labels, labels);
    assert_int_equal(control->labels, labels / 4);
    assert_int_equal(control->labels, info.row.control_labels);
    assert_int_equal(active->labels + control->labels, labels);
    assert_true(control->accuracy == info.row.control_accuracy);
    double both =
        active->accuracy * (double)active->labels + control->accuracy * (double)control->labels;
    assert_near(both / (double)labels, info.row.held_out_accuracy, 1e-9);
    assert_true(active->accuracy_low < active->accuracy);
    assert_true(active->accuracy_high >= active->accuracy);
    assert_int_equal(progress.exam.answers, labels);
    assert_near(progress.exam.losses[FI_EXAM_STAGES - 1], info.row.held_out_loss, 1e-9);
    assert_int_equal(progress.choosing.answers, labels / 4);
    assert_string_equal(progress.selection_warning, "");
    assert_true(gauge(world.engine, "fisherd_selection_warning") == 0);
}

static void chosen_labels_that_mislead_raise_a_warning(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    fd_progress progress = learn_by_arm(&world, true);
    assert_true(progress.choosing.loss_difference < -2 * progress.choosing.stddev);
    assert_non_null(strstr(progress.selection_warning, "chosen answers teach less"));
    assert_true(gauge(world.engine, "fisherd_selection_warning") == 1);
}

static void the_arms_the_exam_and_the_advice_survive_a_restart(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    fd_progress first = learn_by_arm(&world, true);
    for (size_t number = 0; number < 28; number++) /* retracts those of the first prompt */
        assert_int_equal(fixture_revise(world.engine, number, FD_PREFER_RETRACTED), 0);
    assert_int_equal(fixture_train(world.engine), 2);
    fd_engine_wait_trained(world.engine);
    fd_progress before = progress_of(world.engine);
    assert_true(before.arms.control.labels < first.arms.control.labels);
    assert_int_equal(before.n_curve, 2);

    world_reopen(&world);
    fd_progress after = progress_of(world.engine);
    assert_memory_equal(&after.arms, &before.arms, sizeof(after.arms));
    assert_memory_equal(&after.exam, &before.exam, sizeof(after.exam));
    assert_memory_equal(&after.choosing, &before.choosing, sizeof(after.choosing));
    assert_memory_equal(after.curve, before.curve, 2 * sizeof(*after.curve));
    assert_true(after.expected_improvement == before.expected_improvement);
    assert_true(after.expected_improvement_high == before.expected_improvement_high);
    assert_int_equal(after.stop_recommended, before.stop_recommended);
    assert_string_equal(after.stop_reason, before.stop_reason);
    assert_string_equal(after.selection_warning, before.selection_warning);

    fd_fault fault = {0};
    assert_int_equal(fd_engine_model_activate(world.engine, 1, &fault), 0);
    fd_progress back = progress_of(world.engine);
    assert_memory_equal(&back.arms, &first.arms, sizeof(back.arms));
    assert_string_equal(back.stop_reason, before.stop_reason);
    assert_int_equal(back.n_curve, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_curve_of_stored_versions_is_read_at_the_start),
        cmocka_unit_test(a_rejected_version_is_not_on_the_curve),
        cmocka_unit_test(a_long_curve_is_thinned_out_and_keeps_its_span),
        cmocka_unit_test(nothing_is_recommended_before_the_first_training),
        cmocka_unit_test(stopping_needs_a_hundred_answers_in_the_exam),
        cmocka_unit_test(a_version_without_an_exam_gives_no_forecast),
        cmocka_unit_test(the_exam_of_a_rejected_version_counts),
        cmocka_unit_test(stopping_is_not_recommended_while_more_labels_lower_the_loss),
        cmocka_unit_test(stopping_is_recommended_when_twice_the_labels_bring_less_than_stop_below),
        cmocka_unit_test(stopping_is_not_recommended_while_the_exam_is_noisy),
        cmocka_unit_test(the_gain_per_label_is_that_of_the_latest_batch),
        cmocka_unit_test(the_trend_of_the_gain_needs_batches_at_different_numbers_of_labels),
        cmocka_unit_test(all_labels_train_and_their_unseen_accuracy_is_shown_by_arm),
        cmocka_unit_test(chosen_labels_that_mislead_raise_a_warning),
        cmocka_unit_test(the_arms_the_exam_and_the_advice_survive_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
