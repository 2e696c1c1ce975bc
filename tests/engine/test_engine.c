/* The engine as a whole: items, labels, trainings, failing stores, many threads, restarts. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "engine_state.h"
#include "fixture.h"
#include "items.h"
#include "labels.h"
#include "model_versions.h"
#include "score.h"
#include "select.h"
#include "sqlite_store.h"
#include "trainer.h"

static void requests_before_the_first_item_are_refused(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fd_selection_request request = fixture_request(1, FI_SCOPE_WITHIN, 1);
    fd_selection_result result;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), -EAGAIN);
    assert_non_null(strstr(fault.detail, "no items"));
    assert_int_equal(fd_engine_train(engine, FD_RETRAIN_CONFIGURED, &fault), -EAGAIN);
}

static void items_of_another_dimension_are_refused_and_change_nothing(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 1, 2);
    float embedding[DIMENSION + 1] = {0};
    fd_item_row rows[] = {
        {.id = "fits", .prompt_id = "p0", .embedding = embedding, .dimension = DIMENSION},
        {.id = "does not", .prompt_id = "p0", .embedding = embedding, .dimension = DIMENSION + 1},
    };
    fd_added added;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_items_add(engine, rows, 2, &added, &fault), -EINVAL);
    assert_string_equal(fault.pointer, "/items/1/embedding");
    fd_model_info info;
    assert_int_equal(fd_engine_model(engine, &info), 0);
    assert_int_equal(info.items, 2);
}

static void the_first_items_decide_the_dimension_even_after_a_failed_commit(void **state) {
    (void)state;
    fd_store *store = fixture_faulty_store();
    fd_engine_options options = fixture_options();
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_open(&options, store);
    float embedding[DIMENSION + 1] = {0};
    fd_item_row row = {
        .id = "wide", .prompt_id = "p", .embedding = embedding, .dimension = DIMENSION + 1};
    fd_added added;
    fd_fault fault = {0};
    fixture_fail_commit(store, 1, -EIO);
    assert_int_equal(fd_engine_items_add(engine, &row, 1, &added, &fault), -EIO);
    row.dimension = DIMENSION;
    assert_int_equal(fd_engine_items_add(engine, &row, 1, &added, &fault), 0);
    assert_int_equal(added.created, 1);
}

static void repeating_a_label_is_harmless_and_changing_it_is_a_conflict(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 2, 3);
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_B), -EEXIST);
    fd_model_info info;
    assert_int_equal(fd_engine_model(engine, &info), 0);
    assert_int_equal(info.labels, 1);
}

static void labels_of_unknown_or_equal_items_are_refused(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 1, 2);
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "nowhere", FD_PREFER_A), -EINVAL);
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r0", FD_PREFER_A), -EINVAL);
}

static void a_skip_is_stored_but_teaches_nothing(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 1, 3);
    fd_model_info before, after;
    assert_int_equal(fd_engine_model(engine, &before), 0);
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_SKIP), 0);
    assert_int_equal(fd_engine_model(engine, &after), 0);
    assert_int_equal(after.labels, 0);
    assert_true(after.logdet == before.logdet);
}

static void every_label_raises_the_information(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 2, 4);
    fd_model_info info;
    assert_int_equal(fd_engine_model(engine, &info), 0);
    for (size_t i = 1; i < 4; i++) {
        double before = info.logdet;
        assert_int_equal(fixture_label(engine, i, "p0-r0", fixture_item_id(0, i), FD_PREFER_TIE),
                         0);
        assert_int_equal(fd_engine_model(engine, &info), 0);
        assert_true(info.logdet > before);
    }
}

static void a_training_publishes_the_next_version_and_selections_name_it(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 4, 6);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(fixture_label(engine, i, fixture_item_id(i % 4, 0),
                                       fixture_item_id(i % 4, 1 + i % 5), FD_PREFER_A),
                         0);
    assert_int_equal(fixture_train(engine), 1);
    assert_int_equal(fixture_train(engine), 2);

    fd_selection_request request = fixture_request(5, FI_SCOPE_ACROSS, 3);
    fd_selection_result result;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), 0);
    assert_int_equal(result.model_version, 2);
    assert_int_equal(result.count, 5);
    fd_selection_result_clear(&result);
}

static void enough_new_labels_start_a_training(void **state) {
    (void)state;
    fd_engine_options options = fixture_options();
    options.retrain_labels = 10;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 2, 12);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(fixture_label(engine, i, "p0-r0", fixture_item_id(0, 1 + i), FD_PREFER_B),
                         0);
    fd_model_info info;
    do
        assert_int_equal(fd_engine_model(engine, &info), 0);
    while (info.version == 0);
    assert_int_equal(info.row.labels, 10);
}

static void an_old_label_starts_a_training(void **state) {
    (void)state;
    fd_engine_options options = fixture_options();
    options.retrain_seconds = 0.01;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 1, 3);
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_B), 0);
    fd_model_info info;
    do
        assert_int_equal(fd_engine_model(engine, &info), 0);
    while (info.version == 0);
}

static void closing_ends_an_endless_training(void **state) {
    (void)state;
    fd_engine_options options = fixture_options();
    options.kind = FI_KIND_NETWORK;
    options.train.iterations = UINT32_MAX;
    options.train.patience = 0;
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 1, 3);
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_B), 0);
    fd_fault fault = {0};
    assert_int_equal(fd_engine_train(engine, FD_RETRAIN_CONFIGURED, &fault), 0);
    while (fixture_model(engine).worker != FD_TRAINER_TRAINING)
        (void)sched_yield();
    fd_engine_close(engine);
}

static void a_failing_commit_changes_nothing_and_the_next_one_works(void **state) {
    (void)state;
    fd_store *store = fixture_faulty_store();
    fd_engine_options options = fixture_options();
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_open(&options, store);
    fixture_add_items(engine, 1, 4);
    fd_model_info before, after;
    char reason[128];
    assert_int_equal(fd_engine_model(engine, &before), 0);

    fixture_fail_commit(store, 1, -ENOSPC);
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), -ENOSPC);
    assert_int_equal(fd_engine_model(engine, &after), 0);
    assert_int_equal(after.labels, 0);
    assert_true(after.logdet == before.logdet);
    assert_int_equal(fd_engine_ready(engine, reason, sizeof(reason)), -EAGAIN);
    assert_non_null(strstr(reason, "store"));

    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    assert_int_equal(fd_engine_ready(engine, reason, sizeof(reason)), 0);
    assert_int_equal(fd_engine_model(engine, &after), 0);
    assert_int_equal(after.labels, 1);
}

static void a_store_that_works_again_is_noticed_without_a_request(void **state) {
    (void)state;
    fd_store *store = fixture_faulty_store();
    fd_engine_options options = fixture_options();
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_open(&options, store);
    fixture_add_items(engine, 1, 4);
    fixture_fail_probes(store, 1);
    fixture_fail_commit(store, 1, -EIO);
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), -EIO);
    assert_true(prints(engine, "fisherd_store_failed 1\n"));
    char reason[128];
    double deadline = fixture_seconds() + 60;
    while (fd_engine_ready(engine, reason, sizeof(reason)) < 0) {
        assert_true(fixture_seconds() < deadline);
        (void)sched_yield();
    }
    assert_true(prints(engine, "fisherd_store_failed 0\n"));
    assert_true(prints(engine, "fisherd_store_failures_total 1\n"));
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
}

/* ---- many threads ---- */

enum { THREADS = 8, LABELS_EACH = 40 };

struct client {
    fd_engine *engine;
    size_t number;
    int failures;
};

/* Each thread adds its own labels and repeats those of the next one. */
static void *post_labels(void *context) {
    struct client *client = context;
    for (size_t i = 0; i < LABELS_EACH; i++) {
        for (size_t of = client->number; of <= client->number + 1; of++) {
            size_t number = of % THREADS * LABELS_EACH + i;
            client->failures +=
                fixture_label(client->engine, number, fixture_item_id(number % 5, 0),
                              fixture_item_id(number % 5, 1 + number % 7), FD_PREFER_A) != 0;
        }
    }
    return NULL;
}

static void *select_batches(void *context) {
    struct client *client = context;
    for (size_t i = 0; i < 20; i++) {
        fd_selection_request request = fixture_request(3, FI_SCOPE_ACROSS, i);
        fd_selection_result result;
        fd_fault fault = {0};
        if (fd_engine_select(client->engine, &request, &result, &fault) < 0)
            client->failures++;
        else
            fd_selection_result_clear(&result);
        fd_model_info info;
        client->failures += fd_engine_model(client->engine, &info) != 0;
    }
    return NULL;
}

static int count_row(void *context, const fd_label_view *label) {
    unsigned *seen = context;
    unsigned number;
    assert_int_equal(sscanf(label->row->id, "label-%u", &number), 1);
    seen[number]++;
    return 0;
}

static void labels_from_many_threads_are_in_the_history_exactly_once(void **state) {
    (void)state;
    fd_engine_options options = fixture_options();
    options.retrain_labels = 50;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 5, 8);

    pthread_t threads[THREADS + 2];
    struct client clients[THREADS + 2];
    for (size_t i = 0; i < THREADS + 2; i++) {
        clients[i] = (struct client){engine, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL,
                                        i < THREADS ? post_labels : select_batches, &clients[i]),
                         0);
    }
    for (size_t i = 0; i < THREADS + 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(clients[i].failures, 0);
    }

    unsigned seen[THREADS * LABELS_EACH] = {0};
    assert_int_equal(fd_engine_labels_read(engine, 0, SIZE_MAX, count_row, seen), 0);
    for (size_t i = 0; i < THREADS * LABELS_EACH; i++)
        assert_int_equal(seen[i], 1);
    fd_model_info info;
    assert_int_equal(fd_engine_model(engine, &info), 0);
    assert_int_equal(info.labels, THREADS * LABELS_EACH);
}

/* ---- restart ---- */

static void after_a_restart_the_same_version_and_information_serve(void **state) {
    (void)state;
    char folder[] = "/tmp/fisherd-engine-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/e.db", folder);
    fd_engine_options options = fixture_options();
    fd_model_info before, after;
    fd_score scores[2];
    fd_item_reference reference = {.id = "p1-r2"};
    fd_fault fault = {0};

    for (int run = 0; run < 2; run++) {
        fd_store *store = NULL;
        assert_int_equal(fd_store_open_sqlite(path, &store, &fault), 0);
        FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_open(&options, store);
        if (run == 0) {
            fixture_add_items(engine, 3, 5);
            for (size_t i = 0; i < 12; i++)
                assert_int_equal(fixture_label(engine, i, fixture_item_id(i % 3, 0),
                                               fixture_item_id(i % 3, 1 + i % 4), FD_PREFER_A),
                                 0);
            (void)fixture_train(engine);
            assert_int_equal(fixture_label(engine, 99, "p0-r0", "p2-r2", FD_PREFER_B), 0);
        }
        uint64_t version;
        assert_int_equal(fd_engine_model(engine, run == 0 ? &before : &after), 0);
        assert_int_equal(fd_engine_score(engine, &reference, 1, &scores[run], &version, &fault), 0);
    }
    assert_int_equal(after.version, before.version);
    assert_int_equal(after.labels, 13);
    assert_int_equal(after.row.labels, 12);
    assert_true(fabs(after.logdet - before.logdet) <= 1e-6 * fabs(before.logdet));
    assert_true(scores[0].reward == scores[1].reward);

    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < FD_LENGTH(suffixes); i++) {
        char name[80];
        (void)snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        (void)remove(name);
    }
    assert_int_equal(remove(folder), 0);
}

static fi_model *copy_of(fd_engine *engine, uint64_t version) {
    fi_model *model = NULL;
    fd_model_row row;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_model_copy(engine, version, &row, &model, &fault), 0);
    return model;
}

/* The last layer is fitted, whatever it started from. */
static void a_warm_start_lies_halfway_between_the_serving_weights_and_fresh_ones(void **state) {
    (void)state;
    fd_engine_options options = fixture_options();
    options.kind = FI_KIND_NETWORK;
    options.components = 0;
    options.retrain = FD_RETRAIN_WARM;
    options.train.iterations = 1;
    options.train.learning_rate =
        1e-12; /* the published weights are those that the training started from */
    options.train.weight_decay = 0;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 1, 4);
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_B), 0);
    assert_int_equal(fixture_train(engine), 1);
    assert_int_equal(fixture_train(engine), 2);

    fi_shape shape = {.inputs = DIMENSION,
                      .hidden_layers = options.hidden_layers,
                      .hidden_width = options.hidden_width};
    fi_model *models[] = {NULL, NULL, copy_of(engine, 1), copy_of(engine, 2)};
    assert_int_equal(fi_model_new(&shape, options.seed, &models[0]), 0);
    assert_int_equal(fi_model_new(&shape, options.seed + 1, &models[1]), 0);
    const float *weights[4];
    size_t count;
    for (size_t i = 0; i < 4; i++)
        weights[i] = fi_model_parameters(models[i], &count);
    for (size_t i = 0; i < count - options.hidden_width; i++) {
        assert_true(fabsf(weights[2][i] - weights[0][i]) < 1e-6f);
        assert_true(fabsf(weights[3][i] - (weights[0][i] + weights[1][i]) / 2) < 1e-6f);
    }
    for (size_t i = 0; i < 4; i++)
        fi_model_free(models[i]);
}

static void an_untrained_model_is_fitted_again_up_to_twenty_thousand_items(void **state) {
    (void)state;
    enum { AT_ONCE = 15000 };
    const size_t fitted[] = {15000, 20000, 20000, 20000};
    FD_CLEANUP(world_clear) struct world world;
    FD_FREE float *embeddings = calloc(AT_ONCE, DIMENSION * sizeof(*embeddings));
    FD_FREE fd_item_row *rows = calloc(AT_ONCE, sizeof(*rows));
    FD_FREE char(*ids)[16] = calloc(AT_ONCE, sizeof(*ids));
    assert_true(embeddings && rows && ids);
    fixture_embeddings(embeddings, AT_ONCE);
    world_prepare(&world);
    world_open(&world);
    for (size_t part = 0; part < FD_LENGTH(fitted); part++) {
        for (size_t i = 0; i < AT_ONCE; i++) {
            (void)snprintf(ids[i], sizeof(ids[i]), "%zu-%zu", part, i);
            rows[i] = (fd_item_row){.id = ids[i],
                                    .prompt_id = ids[i / 10 * 10],
                                    .embedding = embeddings + i * DIMENSION,
                                    .dimension = DIMENSION};
        }
        fd_added added;
        fd_fault fault = {0};
        assert_int_equal(fd_engine_items_add(world.engine, rows, AT_ONCE, &added, &fault), 0);
        assert_int_equal(world.engine->snapshot->served->row.items, fitted[part]);
        assert_int_equal(world.engine->snapshot->items, (part + 1) * AT_ONCE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_before_the_first_item_are_refused),
        cmocka_unit_test(items_of_another_dimension_are_refused_and_change_nothing),
        cmocka_unit_test(the_first_items_decide_the_dimension_even_after_a_failed_commit),
        cmocka_unit_test(repeating_a_label_is_harmless_and_changing_it_is_a_conflict),
        cmocka_unit_test(labels_of_unknown_or_equal_items_are_refused),
        cmocka_unit_test(a_skip_is_stored_but_teaches_nothing),
        cmocka_unit_test(every_label_raises_the_information),
        cmocka_unit_test(a_training_publishes_the_next_version_and_selections_name_it),
        cmocka_unit_test(enough_new_labels_start_a_training),
        cmocka_unit_test(an_old_label_starts_a_training),
        cmocka_unit_test(closing_ends_an_endless_training),
        cmocka_unit_test(a_failing_commit_changes_nothing_and_the_next_one_works),
        cmocka_unit_test(a_store_that_works_again_is_noticed_without_a_request),
        cmocka_unit_test(labels_from_many_threads_are_in_the_history_exactly_once),
        cmocka_unit_test(after_a_restart_the_same_version_and_information_serve),
        cmocka_unit_test(a_warm_start_lies_halfway_between_the_serving_weights_and_fresh_ones),
        cmocka_unit_test(an_untrained_model_is_fitted_again_up_to_twenty_thousand_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
