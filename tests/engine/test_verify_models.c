/* A model records what its training knew: a restart relies on it, and a check verifies it. */
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

static struct findings verify(struct world *world) {
    struct findings findings = {0};
    assert_int_equal(fd_engine_verify(world->store, keep_finding, &findings), 0);
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
    assert_string_equal(verify(&world).text, "");
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
    assert_string_equal(verify(&world).text, "");
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
    assert_string_equal(verify(&world).text, "");

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
    struct findings findings = verify(&world);
    assert_int_equal(findings.count, 4);
    assert_non_null(strstr(findings.text, "model 6 recorded"));
    assert_non_null(strstr(findings.text, "model 7 recorded"));
    assert_non_null(strstr(findings.text, "model 8 has learned from more labels"));
    assert_non_null(strstr(findings.text, "model 9 is damaged"));
}

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
        cmocka_unit_test(a_restart_knows_which_labels_are_new_whatever_the_clock_says),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
