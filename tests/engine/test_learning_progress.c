/* What labelling brought and what more would: gains, the learning curve, the arms, when to stop. */
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

/* ---- versions that a store remembers ---- */

/* What was stored of a version, as in floor + 2 / sqrt(labels). */
static fd_model_row version_row(uint64_t version, double floor) {
    uint64_t labels = 100 * version;
    return (fd_model_row){
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
}

static void store_row(struct desk *desk, const fd_model_row *row) {
    const fd_store_operations *store = desk->store->operations;
    assert_int_equal(store->begin(desk->store), 0);
    assert_int_equal(store->model_add(desk->store, row), 0);
    assert_int_equal(store->commit(desk->store), 0);
}

/* A desk over a store with so many versions; their bytes are no models, their figures count. */
static void begin_with_versions(struct desk *desk, uint64_t versions, double floor) {
    desk_prepare(desk);
    for (uint64_t version = 1; version <= versions; version++) {
        fd_model_row row = version_row(version, floor);
        store_row(desk, &row);
    }
    desk_open(desk);
}

static void the_curve_of_stored_versions_is_there_after_a_start(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    begin_with_versions(&desk, 12, 0.3);
    fd_progress progress = progress_of(desk.engine);
    assert_int_equal(progress.n_curve, 12);
    for (uint64_t i = 0; i < 12; i++) {
        fd_model_row row = version_row(i + 1, 0.3);
        assert_int_equal(progress.curve[i].version, row.version);
        assert_int_equal(progress.curve[i].labels, row.labels);
        assert_int_equal(progress.curve[i].held_out_labels, row.held_out_labels);
        assert_true(progress.curve[i].held_out_loss == row.held_out_loss);
        assert_true(progress.curve[i].held_out_accuracy == 0.8);
    }
    assert_near(progress.expected_loss_at_double, 0.3 + 2 / sqrt(2400), 1e-9);
    assert_near(progress.expected_improvement, 2 / sqrt(1200) - 2 / sqrt(2400), 1e-9);
    assert_near(gauge(desk.engine, "fisherd_expected_improvement"), progress.expected_improvement,
                1e-6);
}

static void a_rejected_version_is_not_on_the_curve(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_prepare(&desk);
    fd_model_row row = version_row(1, 0.3);
    store_row(&desk, &row);
    row = version_row(2, 0.3);
    row.state = FD_MODEL_REJECTED;
    row.reason = "worse";
    store_row(&desk, &row);
    desk_open(&desk);
    fd_progress progress = progress_of(desk.engine);
    assert_int_equal(progress.n_curve, 1);
    assert_int_equal(progress.curve[0].version, 1);
}

static void a_long_curve_is_thinned_out_and_keeps_its_span(void **state) {
    (void)state;
    enum { VERSIONS = FD_CURVE_MAX + 40 };
    FD_CLEANUP(desk_clear) struct desk desk;
    begin_with_versions(&desk, VERSIONS, 0.3);
    fd_progress progress = progress_of(desk.engine);
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

static void nothing_is_recommended_before_a_model_was_trained(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    begin_with_versions(&desk, 0, 0);
    assert_goes_on(desk.engine, "no model was trained yet");
    fd_progress progress = progress_of(desk.engine);
    assert_true(isnan(progress.gain_per_label) && isnan(progress.gain_trend));
    assert_true(isnan(progress.expected_improvement) && isnan(progress.expected_loss_at_double));
    assert_true(isnan(progress.arms.active.accuracy) && isnan(progress.arms.control.accuracy));
}

static void a_hundred_held_out_answers_are_needed_to_stop(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    begin_with_versions(&desk, 9, 0.3);
    assert_goes_on(desk.engine, "too few held-out answers: 90 of 100");
}

static void four_versions_are_needed_to_stop(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_prepare(&desk);
    desk.options.stop_below = 100;
    for (uint64_t version = 20; version < 23; version++) {
        fd_model_row row = version_row(version, 0.3);
        store_row(&desk, &row);
    }
    desk_open(&desk);
    assert_goes_on(desk.engine, "too few versions of the model to extrapolate from");
    fd_model_row fourth = version_row(23, 0.3);
    store_row(&desk, &fourth);
    desk_reopen(&desk);
    assert_true(progress_of(desk.engine).stop_recommended);
}

static void one_goes_on_while_twice_the_labels_still_lower_the_loss(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    begin_with_versions(&desk, 12, 0.3);
    assert_goes_on(desk.engine, "doubling the labels is expected to lower the held-out loss by "
                                "0.017, at most by 0.017");
}

static void one_stops_when_twice_the_labels_bring_less_than_the_option_says(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    begin_with_versions(&desk, 12, 0.3);
    desk.options.stop_below = 0.018;
    desk_reopen(&desk);
    fd_progress progress = progress_of(desk.engine);
    assert_true(progress.stop_recommended);
    assert_string_equal(progress.stop_reason, "doubling the labels is expected to lower the "
                                              "held-out loss by 0.017, at most by 0.017");
    assert_true(gauge(desk.engine, "fisherd_stop_recommended") == 1);
}

static void one_goes_on_while_the_curve_is_too_noisy_to_tell(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_prepare(&desk);
    for (uint64_t version = 1; version <= 12; version++) {
        fd_model_row row = version_row(version, 0.3);
        row.held_out_loss = 0.5 + (version % 2 ? 0.03 : -0.03);
        store_row(&desk, &row);
    }
    desk_open(&desk);
    fd_progress progress = progress_of(desk.engine);
    assert_true(progress.expected_improvement < 0.005);
    assert_true(progress.expected_improvement_high > 0.005);
    assert_false(progress.stop_recommended);
}

static void one_goes_on_while_held_out_accuracy_rises_beyond_its_interval(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_prepare(&desk);
    desk.options.stop_below = 100;
    for (uint64_t version = 1; version <= 12; version++) {
        fd_model_row row = version_row(version, 0.3);
        row.held_out_accuracy = version <= 6 ? 0.69 : 0.8;
        store_row(&desk, &row);
    }
    desk_open(&desk);
    assert_goes_on(desk.engine, "held-out accuracy still rises: from 0.690 with 600 labels to "
                                "0.800 (0.700 to 0.900) with 1200");
    /* Six versions later it has not risen since half the labels. */
    for (uint64_t version = 13; version <= 18; version++) {
        fd_model_row row = version_row(version, 0.3);
        store_row(&desk, &row);
    }
    desk_reopen(&desk);
    assert_true(progress_of(desk.engine).stop_recommended);
}

/* ---- the gain ---- */

/* Has a batch chosen after some answers and one more version. */
static void answer_and_train(struct desk *desk, size_t first, size_t count) {
    for (size_t i = 0; i < count; i++) {
        fixture_given given = ask(desk, "anna");
        answer(desk, first + i, "anna", &given, i % 2 ? FD_PREFER_A : FD_PREFER_B);
    }
    fixture_wait_version(desk->engine, fixture_train(desk->engine));
}

static void the_gain_per_label_is_that_of_the_batch_chosen_last(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_prepare(&desk);
    desk.options.refit = false;
    desk_start(&desk, PROMPTS, RESPONSES);
    answer_and_train(&desk, 0, 6);
    fd_stats stats = fixture_stats(desk.engine);
    fd_batch_record last = stats.batches[stats.n_batches - 1];
    fd_stats_clear(&stats);
    assert_int_equal(last.labels, 6);
    fd_progress progress = progress_of(desk.engine);
    assert_true(progress.gain_per_label > 0);
    assert_true(progress.gain_per_label == last.gain_per_label);
    assert_near(gauge(desk.engine, "fisherd_gain_per_label"), progress.gain_per_label, 1e-5);

    fixture_hand hand;
    double sum = 0;
    assert_int_equal(ask_for(&desk, "anna", last.count, &hand), last.count);
    for (size_t i = 0; i < last.count; i++)
        sum += hand.given[i].gain;
    assert_near(progress.gain_per_label, sum / (double)last.count, 1e-6);
}

static void the_trend_of_the_gain_takes_batches_after_different_numbers_of_labels(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_prepare(&desk);
    desk.options.prior_precision = 1;
    desk_start(&desk, PROMPTS, RESPONSES);
    answer_and_train(&desk, 0, 4);
    answer_and_train(&desk, 4, 12);
    answer_and_train(&desk, 16, 48);
    fd_stats stats = fixture_stats(desk.engine);
    double labels[FD_BATCHES_MAX], gains[FD_BATCHES_MAX];
    for (size_t i = 0; i < stats.n_batches; i++) {
        labels[i] = (double)stats.batches[i].labels;
        gains[i] = stats.batches[i].gain_per_label;
    }
    size_t n = stats.n_batches;
    fd_stats_clear(&stats);
    assert_true(labels[n - 1] == 64);
    fd_progress progress = progress_of(desk.engine);
    assert_true(progress.gain_per_label == gains[n - 1]);
    double trend = progress.gain_trend;
    assert_true(trend < 0);
    assert_near(trend, fi_power_slope(n, labels, gains), 1e-9);
    assert_near(gauge(desk.engine, "fisherd_gain_trend"), trend, 1e-5);
}

/* ---- the arms ---- */

/* Answers all pairs as the first number of the embeddings has it; those of every fourth prompt
 * come from the control arm, and each `wrong`-th of those is the other way round (0: none). */
static void answer_by_arm(fd_engine *engine, size_t wrong) {
    float embeddings[PROMPTS * RESPONSES * DIMENSION];
    fixture_embeddings(embeddings, PROMPTS * RESPONSES);
    size_t number = 0;
    for (size_t p = 0; p < PROMPTS; p++)
        for (size_t a = 0; a < RESPONSES; a++)
            for (size_t b = a + 1; b < RESPONSES; b++) {
                bool control = p % 4 == 0;
                bool first = embeddings[(p * RESPONSES + a) * DIMENSION] >
                             embeddings[(p * RESPONSES + b) * DIMENSION];
                fixture_given given = {.control = control};
                (void)snprintf(given.id, sizeof(given.id), "%c7ff-%024zx", control ? 'c' : 'a',
                               number);
                (void)snprintf(given.a, sizeof(given.a), "%s", fixture_item_id(p, a));
                (void)snprintf(given.b, sizeof(given.b), "%s", fixture_item_id(p, b));
                fd_preference preference = first != (control && wrong > 0 && number % wrong == 0)
                                               ? FD_PREFER_A
                                               : FD_PREFER_B;
                assert_int_equal(fixture_answer(engine, number++, "anna", &given, preference), 0);
            }
}

static fd_progress learn_by_arm(struct desk *desk, size_t wrong) {
    desk_prepare(desk);
    desk->options.hidden_layers = 0;
    desk->options.held_out_fraction = 0.33;
    desk_start(desk, PROMPTS, RESPONSES);
    answer_by_arm(desk->engine, wrong);
    (void)fixture_train(desk->engine);
    fd_engine_wait_trained(desk->engine);
    return progress_of(desk->engine);
}

static void held_out_answers_are_told_by_their_arm(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    fd_progress progress = learn_by_arm(&desk, 0);
    fd_model_info info = fixture_model(desk.engine);
    const fd_arm_fit *active = &progress.arms.active, *control = &progress.arms.control;
    assert_int_equal(control->labels, info.row.control_labels);
    assert_true(control->labels > 0 && control->labels < active->labels);
    assert_int_equal(active->labels + control->labels, info.row.held_out_labels);
    assert_true(control->accuracy == info.row.control_accuracy);
    double both =
        active->accuracy * (double)active->labels + control->accuracy * (double)control->labels;
    assert_near(both / (double)info.row.held_out_labels, info.row.held_out_accuracy, 1e-9);
    assert_true(active->accuracy_low < active->accuracy);
    assert_true(active->accuracy_high >= active->accuracy);
    assert_string_equal(progress.selection_warning, "");
    assert_true(gauge(desk.engine, "fisherd_selection_warning") == 0);
}

static void a_model_that_is_worse_on_random_pairs_than_on_chosen_ones_is_told_of(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    fd_progress progress = learn_by_arm(&desk, 1);
    assert_true(progress.arms.control.accuracy_high < progress.arms.active.accuracy_low);
    assert_non_null(
        strstr(progress.selection_warning, "held-out accuracy on pairs drawn at random"));
    assert_true(gauge(desk.engine, "fisherd_selection_warning") == 1);
    assert_true(gauge(desk.engine, "fisherd_model_arm_accuracy{arm=\"control\"}") < 0.5);
}

static void a_difference_within_the_intervals_of_the_arms_is_no_warning(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    fd_progress progress = learn_by_arm(&desk, 5);
    assert_true(progress.arms.control.accuracy < progress.arms.active.accuracy);
    assert_string_equal(progress.selection_warning, "");
}

static void the_arms_and_the_curve_survive_a_restart_and_follow_what_serves(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    fd_progress first = learn_by_arm(&desk, 1);
    for (size_t number = 0; number < 28; number++) /* the first prompt's are taken back */
        assert_int_equal(fixture_revise(desk.engine, number, FD_PREFER_RETRACTED), 0);
    assert_int_equal(fixture_train(desk.engine), 2);
    fd_engine_wait_trained(desk.engine);
    fd_progress before = progress_of(desk.engine);
    assert_true(before.arms.control.labels < first.arms.control.labels);
    assert_int_equal(before.n_curve, 2);

    desk_reopen(&desk);
    fd_progress after = progress_of(desk.engine);
    assert_memory_equal(&after.arms, &before.arms, sizeof(after.arms));
    assert_memory_equal(after.curve, before.curve, 2 * sizeof(*after.curve));
    assert_string_equal(after.selection_warning, before.selection_warning);

    fd_fault fault = {0};
    assert_int_equal(fd_engine_model_activate(desk.engine, 1, &fault), 0);
    fd_progress back = progress_of(desk.engine);
    assert_int_equal(back.arms.control.labels, before.arms.control.labels);
    assert_true(back.arms.active.accuracy != before.arms.active.accuracy);
    assert_int_equal(back.n_curve, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_curve_of_stored_versions_is_there_after_a_start),
        cmocka_unit_test(a_rejected_version_is_not_on_the_curve),
        cmocka_unit_test(a_long_curve_is_thinned_out_and_keeps_its_span),
        cmocka_unit_test(nothing_is_recommended_before_a_model_was_trained),
        cmocka_unit_test(a_hundred_held_out_answers_are_needed_to_stop),
        cmocka_unit_test(four_versions_are_needed_to_stop),
        cmocka_unit_test(one_goes_on_while_twice_the_labels_still_lower_the_loss),
        cmocka_unit_test(one_stops_when_twice_the_labels_bring_less_than_the_option_says),
        cmocka_unit_test(one_goes_on_while_the_curve_is_too_noisy_to_tell),
        cmocka_unit_test(one_goes_on_while_held_out_accuracy_rises_beyond_its_interval),
        cmocka_unit_test(the_gain_per_label_is_that_of_the_batch_chosen_last),
        cmocka_unit_test(the_trend_of_the_gain_takes_batches_after_different_numbers_of_labels),
        cmocka_unit_test(held_out_answers_are_told_by_their_arm),
        cmocka_unit_test(a_model_that_is_worse_on_random_pairs_than_on_chosen_ones_is_told_of),
        cmocka_unit_test(a_difference_within_the_intervals_of_the_arms_is_no_warning),
        cmocka_unit_test(the_arms_and_the_curve_survive_a_restart_and_follow_what_serves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
