/* What a snapshot knows of scores, texts and settings once they have changed. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "engine_state.h"
#include "fixture.h"
#include "items.h"
#include "prior_scores.h"
#include "project.h"
#include "score.h"
#include "thread.h"
#include "trainer.h"

enum { PROMPTS = 4, RESPONSES = 4, ITEMS = PROMPTS * RESPONSES, ANSWERS = 20 };

static fd_engine_options refit_options(fi_kind kind) {
    fd_engine_options options = fixture_options();
    options.refit = true;
    options.kind = kind;
    return options;
}

static double score_of(fd_engine *engine, const char *id) {
    fd_item_reference reference = {.id = id};
    fd_score result;
    fd_fault fault = {0};
    uint64_t version;
    assert_int_equal(fd_engine_score(engine, &reference, 1, &result, &version, &fault), 0);
    return result.reward;
}

static void train(fd_engine *engine) {
    (void)fixture_train(engine);
    fd_engine_wait_refitted(engine);
}

static void wait_for_version(fd_engine *engine, uint64_t version) {
    for (int i = 0; i < 5000 && fixture_model(engine).version < version; i++)
        (void)usleep(2000);
    assert_int_equal(fixture_model(engine).version, version);
}

/* Answers about pairs of different prompts and of the same. */
static void answer_some(fd_engine *engine) {
    for (size_t i = 0; i < ANSWERS; i++) {
        size_t a = i % ITEMS, b = (i * 5 + 1) % ITEMS;
        char first[16];
        (void)snprintf(first, sizeof(first), "%s", fixture_item_id(a / RESPONSES, a % RESPONSES));
        assert_int_equal(fixture_label(engine, i, first,
                                       fixture_item_id(b / RESPONSES, (b + (a == b)) % RESPONSES),
                                       i % 3 ? FD_PREFER_A : FD_PREFER_B),
                         0);
    }
}

static void set(fd_engine *engine, const char *id, double value) {
    const fd_item_score score = {.name = "judge", .value = value};
    const fd_scores_of_item item = {id, &score, 1};
    fd_scores_set done;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_scores_set(engine, &item, 1, &done, &fault), 0);
}

static void set_trust(fd_engine *engine, fd_trust trust) {
    fd_project_settings settings = {.n_scores = 1, .scores = {{"judge", trust}}};
    fd_project_state project;
    fd_engine_project(engine, &project);
    assert_int_equal(fd_engine_project_change(engine, project.version, &settings, "ann", &project),
                     0);
}

static double gap(fd_engine *engine) {
    return score_of(engine, "p0-r0") - score_of(engine, "p0-r1");
}

/* A slow machine makes the model again a little later. */
static void expect_gap(fd_engine *engine, double lowest, double highest) {
    for (int i = 0; i < 2000 && !(gap(engine) >= lowest && gap(engine) <= highest); i++)
        (void)usleep(5000);
    assert_true(gap(engine) >= lowest && gap(engine) <= highest);
}

static void a_trusted_score_counts_before_any_answer(void **state) {
    (void)state;
    for (int refit = 0; refit <= 1; refit++) {
        fd_engine_options options = refit_options(FI_KIND_AUTO);
        options.refit = refit;
        fd_engine *engine = fixture_memory(&options);
        fixture_add_items(engine, 2, 3);
        set(engine, "p0-r0", 7);
        set(engine, "p0-r1", 3);
        assert_true(gap(engine) == 0.0);
        set_trust(engine, FD_TRUST_TRUSTED);
        expect_gap(engine, 0.1, 9.0);
        double trusted = gap(engine);
        set_trust(engine, FD_TRUST_INVERTED);
        expect_gap(engine, -trusted - 1e-6, -trusted + 1e-6);
        set(engine, "p0-r1", 11);
        expect_gap(engine, 0.1, 9.0);
        set(engine, "p0-r0", NAN);
        set(engine, "p0-r1", NAN);
        expect_gap(engine, 0.0, 0.0);
        fd_engine_close(engine);
    }
}

static void a_refit_of_an_untrained_model_stays(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_AUTO);
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 2, 3);
    set(engine, "p1-r0", 7);
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    fd_engine_wait_refitted(engine);
    double told = gap(engine);
    assert_true(told > 0.01);
    (void)usleep(100000);
    assert_true(prints(engine, "fisherd_refits_total{result=\"published\"} 1\n"));
    for (int i = 0; i < 3; i++) { /* changes that make it again, or teach it */
        if (i == 0)
            set(engine, "p1-r0", 8);
        else
            set_trust(engine, i == 1 ? FD_TRUST_TRUSTED : FD_TRUST_UNKNOWN);
        fd_engine_wait_refitted(engine);
        assert_int_equal(fixture_model(engine).labels_fitted, 1);
    }
    assert_true(fabs(gap(engine) - told) < 1e-3);
    fd_engine_close(engine);
}

static void a_trained_model_learns_of_a_trust_by_a_refit_or_by_a_training(void **state) {
    (void)state;
    for (int refit = 0; refit <= 1; refit++) {
        fd_engine_options options = refit_options(FI_KIND_LINEAR);
        options.refit = refit;
        options.retrain_labels = refit ? 0 : 1;
        fd_engine *engine = fixture_memory(&options);
        fixture_add_items(engine, PROMPTS, RESPONSES);
        for (uint32_t i = 0; i < ITEMS; i++)
            set(engine, fixture_item_id(i / RESPONSES, i % RESPONSES), (i * 5) % 7);
        answer_some(engine);
        train(engine);
        double before = gap(engine);
        set_trust(engine, FD_TRUST_TRUSTED);
        fd_engine_wait_refitted(engine);
        for (int i = 0; i < 5000 && fabs(gap(engine) - before) < 1e-3; i++)
            (void)usleep(2000);
        assert_true(fabs(gap(engine) - before) > 1e-3);
        assert_int_equal(fixture_model(engine).refits > 0, refit);
        assert_int_equal(fixture_model(engine).labels_fitted, ANSWERS);
        fd_engine_close(engine);
    }
}

static uint64_t extra_changes(fd_engine *engine) {
    FD_READ_LOCKED(&engine->state_lock);
    return engine->extra_changes;
}

static void add_item(fd_engine *engine, const char *id, const char *score_name, double value) {
    float embeddings[DIMENSION];
    fd_added added;
    fd_fault fault = {0};
    const fd_item_score score = {.name = score_name, .value = value};
    fixture_embeddings(embeddings, 1);
    fd_item_row row = {.id = id,
                       .prompt_id = "new",
                       .embedding = embeddings,
                       .dimension = DIMENSION,
                       .scores = &score,
                       .n_scores = 1};
    assert_int_equal(fd_engine_items_add(engine, &row, 1, &added, &fault), 0);
}

static void a_score_that_comes_with_an_item_is_news_only_if_the_model_has_no_column(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 4, 4);
    for (uint32_t i = 0; i < 4; i++)
        set(engine, fixture_item_id(0, i), i);
    set_trust(engine, FD_TRUST_TRUSTED);
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(fixture_label(engine, i, "p1-r0", "p1-r1", FD_PREFER_A), 0);
    train(engine);
    uint64_t before = extra_changes(engine);
    add_item(engine, "high", "judge", 9);
    add_item(engine, "low", "judge", -9);
    assert_int_equal(extra_changes(engine), before);
    assert_true(score_of(engine, "high") > score_of(engine, "low") + 0.1);
    add_item(engine, "other", "new name", 1);
    assert_int_equal(extra_changes(engine), before + 1);
    set(engine, "high", 8);
    assert_int_equal(extra_changes(engine), before + 2);
    fd_engine_close(engine);
}

static void changed_scores_train_a_trained_model_like_labels(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    options.retrain_labels = 5;
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 2, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(fixture_label(engine, i, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    for (uint32_t i = 0; i < 8; i++)
        set(engine, fixture_item_id(i / 4, i % 4), i);
    fd_engine_wait_trained(engine);
    assert_int_equal(fixture_model(engine).version, 0); /* an untrained one learned by itself */
    train(engine);
    assert_int_equal(fixture_model(engine).version, 1);
    for (uint32_t i = 0; i < 4; i++)
        set(engine, fixture_item_id(0, i), -(double)i);
    fd_engine_wait_trained(engine);
    assert_int_equal(fixture_model(engine).version, 1);
    set(engine, "p1-r0", -1);
    wait_for_version(engine, 2);
    fd_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trusted_score_counts_before_any_answer),
        cmocka_unit_test(a_refit_of_an_untrained_model_stays),
        cmocka_unit_test(a_trained_model_learns_of_a_trust_by_a_refit_or_by_a_training),
        cmocka_unit_test(a_score_that_comes_with_an_item_is_news_only_if_the_model_has_no_column),
        cmocka_unit_test(changed_scores_train_a_trained_model_like_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
