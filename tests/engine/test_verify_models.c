/* A model records what its training knew: a restart relies on it, and a check verifies it. */
#include "fixture.h"
#include "items.h"
#include "prior_scores.h"
#include "trainer.h"
#include "verify_models.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* ---- findings ---- */

struct findings {
    size_t count;
    char text[1000];
    char unchecked[1000];
};

static int keep_finding(void *context, const char *finding) {
    struct findings *findings = context;
    size_t used = strlen(findings->text);
    (void)snprintf(findings->text + used, sizeof(findings->text) - used, "%s\n", finding);
    findings->count++;
    return 0;
}

static int keep_unchecked(void *context, const char *text) {
    struct findings *findings = context;
    size_t used = strlen(findings->unchecked);
    (void)snprintf(findings->unchecked + used, sizeof(findings->unchecked) - used, "%s\n", text);
    return 0;
}

static struct findings verify(struct world *world) {
    struct findings findings = {0};
    assert_int_equal(fd_engine_verify(world->store, keep_finding, keep_unchecked, &findings), 0);
    return findings;
}

static void assert_sound(struct world *world) {
    struct findings findings = verify(world);
    assert_string_equal(findings.text, "");
    assert_string_equal(findings.unchecked, "");
}

static int copy_row(void *context, const fd_model_row *row) {
    fd_model_row *copy = context;
    uint8_t *bytes = malloc(row->size);
    assert_non_null(bytes);
    *copy = *row;
    copy->bytes = memcpy(bytes, row->bytes, row->size);
    copy->reason = NULL;
    copy->state = FD_MODEL_STORED;
    return 1;
}

/* The newest model; the caller frees its bytes. */
static fd_model_row newest(struct world *world) {
    fd_model_row row;
    assert_int_equal(
        world->store->operations->models_read(world->store, INT64_MAX, 1, true, copy_row, &row), 1);
    return row;
}

static void plant(struct world *world, const fd_model_row *row) {
    const fd_store_operations *store = world->store->operations;
    assert_int_equal(store->begin(world->store), 0);
    assert_int_equal(store->model_add(world->store, row), 0);
    assert_int_equal(store->commit(world->store), 0);
}

/* Two trainings, with labels before and after, one of them corrected and one retracted. */
static void work(struct world *world) {
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(fixture_label(world->engine, i, fixture_item_id(i % 5, i % 3),
                                       fixture_item_id(i % 5, 3),
                                       i % 2 ? FD_PREFER_A : FD_PREFER_TIE),
                         0);
    assert_int_equal(fixture_revise(world->engine, 3, FD_PREFER_SKIP), 0);
    assert_int_equal(fixture_revise(world->engine, 4, FD_PREFER_RETRACTED), 0);
    (void)fixture_train(world->engine);
    assert_int_equal(fixture_revise(world->engine, 3, FD_PREFER_B), 0);
    assert_int_equal(fixture_label(world->engine, 100, "p0-r0", "p1-r1", FD_PREFER_A), 0);
    (void)fixture_train(world->engine);
    assert_int_equal(fixture_label(world->engine, 101, "p0-r1", "p1-r0", FD_PREFER_B), 0);
}

/* ---- tests ---- */

static void the_recorded_information_is_that_of_items_and_labels(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 5, 4);
    assert_int_equal(verify(&world).count, 0);
    work(&world);
    fd_model_row row = newest(&world);
    assert_int_equal(row.version, 2);
    assert_int_equal(row.answers, 44);
    assert_true(isfinite(row.logdet));
    free((void *)row.bytes);
    assert_sound(&world);
}

static void labels_that_come_during_a_training_do_not_count_as_learned(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options.kind = FI_KIND_NETWORK;
    world.options.train.iterations = 20000;
    world.options.train.patience = 0;
    world_start(&world, 5, 4);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(fixture_label(world.engine, i, fixture_item_id(i % 5, i % 3),
                                       fixture_item_id(i % 5, 3), FD_PREFER_A),
                         0);
    fd_fault fault = {0};
    assert_int_equal(fd_engine_train(world.engine, FD_RETRAIN_CONFIGURED, &fault), 0);
    /* The training has read its data once it reports progress. */
    while (fixture_model(world.engine).progress <= 0.0)
        (void)sched_yield();
    assert_int_equal(fixture_label(world.engine, 100, "p0-r0", "p1-r1", FD_PREFER_A), 0);
    fd_engine_wait_trained(world.engine);
    fd_model_row row = newest(&world);
    free((void *)row.bytes);
    assert_int_equal(row.answers, 20);
    assert_sound(&world);
}

static void every_model_that_differs_from_its_record_is_found(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 5, 4);
    work(&world);
    fd_model_row sound = newest(&world);
    double logdet = sound.logdet, scale = fmax(fabs(logdet), 8);

    fd_model_row row = sound;
    row.version = 3;
    row.logdet = logdet + 0.5e-6 * scale;
    plant(&world, &row);
    row.version = 4;
    row.logdet = NAN;
    plant(&world, &row);
    row.version = 5;
    row.logdet = 0;
    row.answers = -1;
    plant(&world, &row);
    struct findings findings = verify(&world);
    assert_string_equal(findings.text, "");
    assert_string_equal(findings.unchecked,
                        "model 5 was not checked: it does not say what it has learned from\n"
                        "model 4 was not checked: it does not say what it has learned from\n");

    row.answers = sound.answers;
    row.version = 6;
    row.logdet = logdet + 3e-6 * scale;
    plant(&world, &row);
    row.version = 7;
    row.answers = sound.answers - 1;
    row.logdet = logdet;
    plant(&world, &row);
    row.version = 8;
    row.answers = 46;
    plant(&world, &row);
    row.version = 9;
    row.size--;
    plant(&world, &row);
    free((void *)sound.bytes);
    findings = verify(&world);
    assert_int_equal(findings.count, 4);
    assert_non_null(strstr(findings.text, "model 6 recorded"));
    assert_non_null(strstr(findings.text, "model 7 recorded"));
    assert_non_null(strstr(findings.text, "model 8 has learned from more labels"));
    assert_non_null(strstr(findings.text, "model 9 is damaged"));
}

/* ---- extras ---- */

enum { LATER = 60 };

/* Plants a copy of the newest model with a log det that is wrong, and returns what is said of it.
 */
static struct findings verify_wrong(struct world *world, uint64_t version) {
    fd_model_row row = newest(world);
    row.version = version;
    row.logdet += 1e-3 * fabs(row.logdet);
    plant(world, &row);
    free((void *)row.bytes);
    return verify(world);
}

static void expect_only(const struct findings *findings, const char *finding) {
    assert_int_equal(findings->count, 1);
    assert_non_null(strstr(findings->text, finding));
    assert_string_equal(findings->unchecked, "");
}

static void set_score(struct world *world, const char *id, double value) {
    const fd_item_score score = {.name = "judge", .value = value};
    const fd_scores_of_item item = {id, &score, 1};
    fd_scores_set done;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_scores_set(world->engine, &item, 1, &done, &fault), 0);
}

static void set(struct world *world, size_t prompt, size_t response, double value) {
    set_score(world, fixture_item_id(prompt, response), value);
}

static void set_all(struct world *world, size_t times) {
    for (size_t i = 0; i < 20; i++)
        set(world, i / 4, i % 4, (double)(i * times % 7));
}

/* Another embedding of an item whose prompt may be new. */
static void add_item(struct world *world, const char *id, const char *prompt_id, const char *prompt,
                     const char *response, size_t number) {
    float embeddings[40 * DIMENSION];
    fd_added added;
    fd_fault fault = {0};
    fixture_embeddings(embeddings, 40);
    fd_item_row row = {.id = id,
                       .prompt_id = prompt_id,
                       .prompt = prompt,
                       .response = response,
                       .embedding = embeddings + number * DIMENSION,
                       .dimension = DIMENSION};
    assert_int_equal(fd_engine_items_add(world->engine, &row, 1, &added, &fault), 0);
}

static void a_model_is_compared_with_the_scores_of_its_time(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 5, 4);
    set_all(&world, 3);
    set(&world, 1, 1, NAN);
    fixture_pass(&world.clock, LATER);
    work(&world);
    fixture_pass(&world.clock, LATER);
    assert_sound(&world);
    set_all(&world, 5);
    set(&world, 0, 0, NAN);
    fixture_pass(&world.clock, LATER);
    assert_sound(&world);
    (void)fixture_train(world.engine);
    fixture_pass(&world.clock, LATER);
    set_all(&world, 2);
    assert_sound(&world);

    /* The scores of the wrong time are those of another model. */
    fd_model_row row = newest(&world);
    row.version = 4;
    row.created_ms -= 2000 * LATER;
    plant(&world, &row);
    free((void *)row.bytes);
    struct findings findings = verify(&world);
    expect_only(&findings, "model 4 recorded");
}

static void scores_that_change_while_a_model_is_trained_leave_it_unchecked(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 5, 4);
    set_all(&world, 3);
    work(&world);
    set_all(&world, 5); /* at the same moment of the clock: before the training, or after it */
    fixture_pass(&world.clock, LATER);
    struct findings findings = verify(&world);
    assert_string_equal(findings.text, "");
    assert_string_equal(findings.unchecked,
                        "model 2 was not checked: items or scores came while it was trained\n"
                        "model 1 was not checked: items or scores came while it was trained\n");

    /* Scores of items that no answer is about do not matter. */
    add_item(&world, "other", "other", NULL, "other", 30);
    (void)fixture_train(world.engine);
    set_score(&world, "other", 5.0);
    findings = verify_wrong(&world, 4);
    assert_int_equal(findings.count, 1);
    assert_non_null(strstr(findings.text, "model 4 recorded"));
}

/* The cosine of prompt and response depends on an option of the daemon. */
static void a_model_that_takes_texts_and_their_cosine_is_checked(void **state) {
    (void)state;
    static const char *const responses[] = {"One two.", "Three!", "Four, five; six.\n- seven", ""};
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options.prompt_dimension = DIMENSION / 2;
    world_open(&world);
    for (size_t i = 0; i < 20; i++) {
        char prompt[16];
        (void)snprintf(prompt, sizeof(prompt), "p%zu", i / 4);
        add_item(&world, fixture_item_id(i / 4, i % 4), prompt, "What is one?", responses[i % 4],
                 i);
    }
    fixture_pass(&world.clock, LATER);
    work(&world);
    fixture_pass(&world.clock, LATER);
    fd_model_row row = newest(&world);
    fi_model *model;
    assert_int_equal(fi_model_decode(row.bytes, row.size, &model), 0);
    free((void *)row.bytes);
    assert_int_equal(fi_model_shape(model)->extras, FD_TEXT_FEATURES);
    assert_true(fi_model_extra_statistics(model).within[FD_TEXT_COSINE] > 0.0);
    fi_model_free(model);
    assert_sound(&world);
    struct findings findings = verify_wrong(&world, 3);
    expect_only(&findings, "model 3 recorded");
}

/* A pair of two prompts depends on the centres of both, which a new item moves. */
static void items_that_came_later_have_no_part_in_a_model(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_begin(&world, 5, 4);
    set_all(&world, 3);
    fixture_pass(&world.clock, LATER);
    work(&world);
    fixture_pass(&world.clock, LATER);
    for (size_t i = 0; i < 4; i++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "new-%zu", i);
        add_item(&world, id, i < 2 ? "p0" : "another", NULL, id, 30 + i);
        set_score(&world, id, 40.0);
    }
    assert_sound(&world);
    fixture_pass(&world.clock, LATER);
    (void)fixture_train(world.engine);
    assert_sound(&world);
    struct findings findings = verify_wrong(&world, 4);
    expect_only(&findings, "model 4 recorded");
}

static void a_clock_that_was_set_back_makes_no_model_wrong(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    fixture_jump(&world.clock, 1000 * LATER);
    world_start(&world, 5, 4);
    set_all(&world, 3);
    fixture_jump(&world.clock, -1000 * LATER);
    work(&world);
    assert_sound(&world);
    struct findings findings = verify_wrong(&world, 3);
    expect_only(&findings, "model 3 recorded");
    fixture_pass(&world.clock, LATER);
    set_all(&world, 5);
    findings = verify(&world);
    assert_string_equal(findings.text, "");
    assert_non_null(strstr(findings.unchecked, "model 2 was not checked: the clock was set back"));
}

/* ---- restarts ---- */

static void a_restart_knows_which_labels_are_new_whatever_the_clock_says(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world_start(&world, 5, 4);
    work(&world); /* all within one moment of the clock */
    world.options.retrain_labels = 2;
    world_reopen(&world);
    fixture_pass(&world.clock, -3600);
    fd_engine_wait_trained(world.engine);
    assert_int_equal(fixture_model(world.engine).version, 2); /* one label is new */
    assert_int_equal(fixture_label(world.engine, 102, "p0-r1", "p2-r0", FD_PREFER_B), 0);
    double deadline = fixture_seconds() + 60;
    while (fixture_model(world.engine).version == 2) {
        assert_true(fixture_seconds() < deadline);
        fd_engine_wait_trained(world.engine);
    }
    world.options.retrain_labels = 1;
    world_reopen(&world);
    fd_engine_wait_trained(world.engine);
    assert_int_equal(fixture_model(world.engine).version, 3); /* no label is new */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_recorded_information_is_that_of_items_and_labels),
        cmocka_unit_test(labels_that_come_during_a_training_do_not_count_as_learned),
        cmocka_unit_test(every_model_that_differs_from_its_record_is_found),
        cmocka_unit_test(a_model_is_compared_with_the_scores_of_its_time),
        cmocka_unit_test(scores_that_change_while_a_model_is_trained_leave_it_unchecked),
        cmocka_unit_test(a_model_that_takes_texts_and_their_cosine_is_checked),
        cmocka_unit_test(items_that_came_later_have_no_part_in_a_model),
        cmocka_unit_test(a_clock_that_was_set_back_makes_no_model_wrong),
        cmocka_unit_test(a_restart_knows_which_labels_are_new_whatever_the_clock_says),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
