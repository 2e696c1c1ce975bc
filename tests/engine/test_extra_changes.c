/* What a snapshot knows of scores, texts and settings once they have changed. */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
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
#include "writer.h"

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
    for (int i = 0; i < 30000 && fixture_model(engine).version < version; i++)
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

static void set_all(fd_engine *engine) {
    for (uint32_t i = 0; i < ITEMS; i++)
        set(engine, fixture_item_id(i / RESPONSES, i % RESPONSES), (i * 5) % 7);
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
    for (int i = 0; i < 12000 && !(gap(engine) >= lowest && gap(engine) <= highest); i++)
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
        set_all(engine);
        answer_some(engine);
        train(engine);
        double before = gap(engine);
        set_trust(engine, FD_TRUST_TRUSTED);
        fd_engine_wait_refitted(engine);
        for (int i = 0; i < 30000 && fabs(gap(engine) - before) < 1e-3; i++)
            (void)usleep(2000);
        assert_true(fabs(gap(engine) - before) > 1e-3);
        assert_int_equal(fixture_model(engine).refits > 0, refit);
        assert_int_equal(fixture_model(engine).labels_fitted, ANSWERS);
        fd_engine_close(engine);
    }
}

/* ---- a change that comes while a refit waits to serve ---- */

static atomic_bool armed; /* the writer waits after its next transaction */
static sem_t reached, released;

static void hold_the_writer(fd_engine *engine) {
    (void)engine;
    if (!atomic_exchange(&armed, false))
        return;
    (void)sem_post(&reached);
    (void)sem_wait(&released);
}

static int store_nothing(fd_engine *engine, fd_job *job, fd_pending *pending) {
    (void)engine, (void)job, (void)pending;
    return 0;
}

/* On the writer's thread, which reads the hooks. */
static void add_hook(fd_engine *engine, fd_job *job) {
    (void)job;
    fd_writer_on_commit(engine, hold_the_writer);
}

static void *answer_once(void *engine) {
    return (void *)(intptr_t)fixture_label(engine, ANSWERS, "p1-r0", "p1-r1", FD_PREFER_A);
}

static void *trust_once(void *context) {
    fd_engine *engine = context;
    fd_project_settings settings = {.n_scores = 1, .scores = {{"judge", FD_TRUST_TRUSTED}}};
    fd_project_state project;
    fd_engine_project(engine, &project);
    return (void *)(intptr_t)fd_engine_project_change(engine, project.version, &settings, "ann",
                                                      &project);
}

static void wait_for_queue(fd_engine *engine, size_t length) {
    while (fd_writer_queue_length(engine) < length)
        (void)sched_yield();
}

static void join(pthread_t thread) {
    void *result;
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_null(result);
}

/* The writer stands still after an answer, so the refit that the answer asked for has read its data
 * and waits in the queue when the change of the trust joins it there. */
static void a_trust_that_changes_while_a_refit_waits_to_serve_is_learned(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    fd_engine *engine = fixture_memory(&options);
    pthread_t answerer, truster;
    fd_job job = {.store = store_nothing, .apply = add_hook};
    fixture_add_items(engine, PROMPTS, RESPONSES);
    set_all(engine);
    answer_some(engine);
    train(engine);
    double before = gap(engine);
    (void)sem_init(&reached, 0, 0);
    (void)sem_init(&released, 0, 0);
    assert_int_equal(fd_writer_run(engine, &job), 0);

    atomic_store(&armed, true);
    assert_int_equal(pthread_create(&answerer, NULL, answer_once, engine), 0);
    (void)sem_wait(&reached);
    wait_for_queue(engine, 1);
    assert_int_equal(pthread_create(&truster, NULL, trust_once, engine), 0);
    wait_for_queue(engine, 2);
    (void)sem_post(&released);
    join(answerer);
    join(truster);
    fd_engine_wait_refitted(engine);

    assert_true(fabs(gap(engine) - before) > 0.1);
    assert_int_equal(fixture_model(engine).labels_fitted, ANSWERS + 1);
    fd_engine_close(engine);
    (void)sem_destroy(&reached);
    (void)sem_destroy(&released);
}

/* ---- what a training measures ---- */

/* A training while one item has a score must not decide what the scores of the others are worth. */
static void a_training_measures_scores_that_came_after_the_one_before(void **state) {
    (void)state;
    double gaps[3]; /* trained once, trained before most scores came, without trust */
    for (int i = 0; i < 3; i++) {
        fd_engine_options options = refit_options(FI_KIND_LINEAR);
        options.refit = false;
        fd_engine *engine = fixture_memory(&options);
        fixture_add_items(engine, PROMPTS, RESPONSES);
        set(engine, "p0-r0", 0);
        answer_some(engine);
        if (i == 1)
            train(engine);
        set_all(engine);
        if (i < 2)
            set_trust(engine, FD_TRUST_TRUSTED);
        train(engine);
        gaps[i] = gap(engine);
        fd_engine_close(engine);
    }
    assert_true(fabs(gaps[0] - gaps[1]) < 1e-6);
    assert_true(fabs(gaps[0] - gaps[2]) > 1e-3);
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
        cmocka_unit_test(a_trust_that_changes_while_a_refit_waits_to_serve_is_learned),
        cmocka_unit_test(a_training_measures_scores_that_came_after_the_one_before),
        cmocka_unit_test(a_score_that_comes_with_an_item_is_news_only_if_the_model_has_no_column),
        cmocka_unit_test(changed_scores_train_a_trained_model_like_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
