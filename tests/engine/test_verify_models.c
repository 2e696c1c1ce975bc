/* What a training knew is recorded with its model: a restart goes by it, and a check compares. */
#include "fixture.h"
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
};

static int keep_finding(void *context, const char *finding) {
    struct findings *findings = context;
    size_t used = strlen(findings->text);
    (void)snprintf(findings->text + used, sizeof(findings->text) - used, "%s\n", finding);
    findings->count++;
    return 0;
}

static struct findings verify(struct desk *desk) {
    struct findings findings = {0};
    assert_int_equal(fd_engine_verify(desk->store, keep_finding, &findings), 0);
    return findings;
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

/* The newest model; its bytes are to be freed. */
static fd_model_row newest(struct desk *desk) {
    fd_model_row row;
    assert_int_equal(
        desk->store->operations->models_read(desk->store, INT64_MAX, 1, true, copy_row, &row), 1);
    return row;
}

static void plant(struct desk *desk, const fd_model_row *row) {
    const fd_store_operations *store = desk->store->operations;
    assert_int_equal(store->begin(desk->store), 0);
    assert_int_equal(store->model_add(desk->store, row), 0);
    assert_int_equal(store->commit(desk->store), 0);
}

/* Answers, one of them corrected and one taken back, around two trainings. */
static void work(struct desk *desk) {
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(fixture_label(desk->engine, i, fixture_item_id(i % 5, i % 3),
                                       fixture_item_id(i % 5, 3),
                                       i % 2 ? FD_PREFER_A : FD_PREFER_TIE),
                         0);
    assert_int_equal(fixture_revise(desk->engine, 3, FD_PREFER_SKIP), 0);
    assert_int_equal(fixture_revise(desk->engine, 4, FD_PREFER_RETRACTED), 0);
    (void)fixture_train(desk->engine);
    assert_int_equal(fixture_revise(desk->engine, 3, FD_PREFER_B), 0);
    assert_int_equal(fixture_label(desk->engine, 100, "p0-r0", "p1-r1", FD_PREFER_A), 0);
    (void)fixture_train(desk->engine);
    assert_int_equal(fixture_label(desk->engine, 101, "p0-r1", "p1-r0", FD_PREFER_B), 0);
}

/* ---- tests ---- */

static void what_was_recorded_is_what_items_and_answers_give(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_begin(&desk, 5, 4);
    assert_int_equal(verify(&desk).count, 0);
    work(&desk);
    fd_model_row row = newest(&desk);
    assert_int_equal(row.version, 2);
    assert_int_equal(row.answers, 44);
    assert_true(isfinite(row.logdet));
    free((void *)row.bytes);
    assert_string_equal(verify(&desk).text, "");
}

static void answers_that_come_while_it_trains_are_none_that_a_model_knew(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_prepare(&desk);
    desk.options.kind = FI_KIND_NETWORK;
    desk.options.train.iterations = 20000;
    desk.options.train.patience = 0;
    desk_start(&desk, 5, 4);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(fixture_label(desk.engine, i, fixture_item_id(i % 5, i % 3),
                                       fixture_item_id(i % 5, 3), FD_PREFER_A),
                         0);
    fd_fault fault = {0};
    assert_int_equal(fd_engine_train(desk.engine, FD_RETRAIN_CONFIGURED, &fault), 0);
    while (fixture_model(desk.engine).worker != FD_TRAINER_TRAINING)
        (void)sched_yield();
    assert_int_equal(fixture_label(desk.engine, 100, "p0-r0", "p1-r1", FD_PREFER_A), 0);
    fd_engine_wait_trained(desk.engine);
    fd_model_row row = newest(&desk);
    free((void *)row.bytes);
    assert_int_equal(row.answers, 20);
    assert_string_equal(verify(&desk).text, "");
}

static void every_model_that_is_not_what_it_recorded_is_found(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_begin(&desk, 5, 4);
    work(&desk);
    fd_model_row sound = newest(&desk);
    double logdet = sound.logdet, scale = fmax(fabs(logdet), 8);

    fd_model_row row = sound;
    row.version = 3;
    row.logdet = logdet + 0.5e-6 * scale;
    plant(&desk, &row);
    row.version = 4;
    row.logdet = NAN;
    plant(&desk, &row);
    row.version = 5;
    row.logdet = 0;
    row.answers = -1;
    plant(&desk, &row);
    assert_string_equal(verify(&desk).text, "");

    row.answers = sound.answers;
    row.version = 6;
    row.logdet = logdet + 3e-6 * scale;
    plant(&desk, &row);
    row.version = 7;
    row.answers = sound.answers - 1;
    row.logdet = logdet;
    plant(&desk, &row);
    row.version = 8;
    row.answers = 46;
    plant(&desk, &row);
    row.version = 9;
    row.size--;
    plant(&desk, &row);
    free((void *)sound.bytes);
    struct findings findings = verify(&desk);
    assert_int_equal(findings.count, 4);
    assert_non_null(strstr(findings.text, "model 6 recorded"));
    assert_non_null(strstr(findings.text, "model 7 recorded"));
    assert_non_null(strstr(findings.text, "model 8 has learned from more labels"));
    assert_non_null(strstr(findings.text, "model 9 is damaged"));
}

static void a_restart_knows_which_answers_are_new_whatever_the_clock_said(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_prepare(&desk);
    desk_start(&desk, 5, 4);
    work(&desk); /* all at the same moment */
    desk.options.retrain_labels = 2;
    desk_reopen(&desk);
    fixture_pass(&desk.clock, -3600);
    fd_engine_wait_trained(desk.engine);
    assert_int_equal(fixture_model(desk.engine).version, 2); /* one answer is new */
    assert_int_equal(fixture_label(desk.engine, 102, "p0-r1", "p2-r0", FD_PREFER_B), 0);
    double deadline = fixture_seconds() + 60;
    while (fixture_model(desk.engine).version == 2) {
        assert_true(fixture_seconds() < deadline);
        fd_engine_wait_trained(desk.engine);
    }
    desk.options.retrain_labels = 1;
    desk_reopen(&desk);
    fd_engine_wait_trained(desk.engine);
    assert_int_equal(fixture_model(desk.engine).version, 3); /* none is */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_recorded_is_what_items_and_answers_give),
        cmocka_unit_test(answers_that_come_while_it_trains_are_none_that_a_model_knew),
        cmocka_unit_test(every_model_that_is_not_what_it_recorded_is_found),
        cmocka_unit_test(a_restart_knows_which_answers_are_new_whatever_the_clock_said),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
