/* The versions of the model: stored, served, rejected, activated, pruned. */
#include "fixture.h"
#include "label_statistics.h"
#include "learning_progress.h"
#include "model_versions.h"
#include "score.h"
#include "select.h"
#include "trainer.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

FD_DEFINE_CLEANUP(fi_model, fi_model_free)

enum { PROMPTS = 8, RESPONSES = 8 };

/* ---- trained engines ---- */

/* Labels all pairs of prompts from `first_prompt` to `end` by the first number of the embeddings.
 */
static void answer_prompts(fd_engine *engine, size_t first_prompt, size_t end) {
    float embeddings[PROMPTS * RESPONSES * DIMENSION];
    fixture_embeddings(embeddings, PROMPTS * RESPONSES);
    size_t number = first_prompt * RESPONSES * (RESPONSES - 1) / 2;
    for (size_t p = first_prompt; p < end; p++)
        for (size_t a = 0; a < RESPONSES; a++)
            for (size_t b = a + 1; b < RESPONSES; b++) {
                bool first = embeddings[(p * RESPONSES + a) * DIMENSION] >
                             embeddings[(p * RESPONSES + b) * DIMENSION];
                assert_int_equal(fixture_label(engine, number++, fixture_item_id(p, a),
                                               fixture_item_id(p, b),
                                               first ? FD_PREFER_A : FD_PREFER_B),
                                 0);
            }
}

/* Networks, each of which goes on from the one before. The labels are easy to learn. */
static void prepare(struct world *world) {
    world_prepare(world);
    world->options.kind = FI_KIND_NETWORK;
    world->options.retrain = FD_RETRAIN_WARM;
    world->options.train.iterations = 300;
    world->options.train.learning_rate = 0.01;
}

/* Version 1 serves. */
static void start_trained(struct world *world) {
    world_start(world, PROMPTS, RESPONSES);
    answer_prompts(world->engine, 0, PROMPTS);
    assert_int_equal(fixture_train(world->engine), 1);
}

/* Half of the prompts are labelled, version 1 serves, and then the others are labelled. */
static void start_trained_on_half(struct world *world) {
    world_start(world, PROMPTS, RESPONSES);
    answer_prompts(world->engine, 0, PROMPTS / 2);
    assert_int_equal(fixture_train(world->engine), 1);
    answer_prompts(world->engine, PROMPTS / 2, PROMPTS);
}

/* From here on trainings learn hardly anything: they see one component of the embeddings. */
static void forget_how_to_learn(struct world *world) {
    world->options.kind = FI_KIND_LINEAR;
    world->options.components = 1;
    world_reopen(world);
}

static void learn_again(struct world *world) {
    world->options.kind = FI_KIND_NETWORK;
    world->options.components = 0;
    world_reopen(world);
}

static int keep_row(void *context, const fd_model_row *row) {
    assert_null(row->bytes);
    *(fd_model_row *)context = *row;
    return 0;
}

static fd_model_row row_of(fd_engine *engine, uint64_t version) {
    fd_model_row row = {0};
    assert_int_equal(fd_engine_models_read(engine, version, 1, keep_row, &row), 0);
    assert_int_equal(row.version, version);
    row.reason = NULL;
    return row;
}

static int list_row(void *context, const fd_model_row *row) {
    char *text = context;
    size_t used = strlen(text);
    (void)snprintf(text + used, 100 - used, "%s%u%c", used ? " " : "", (unsigned)row->version,
                   fd_model_state_name(row->state)[0]);
    return 0;
}

/* Versions and their states as "3s 2a 1r". */
static const char *listed(fd_engine *engine) {
    static char text[100];
    text[0] = '\0';
    assert_int_equal(fd_engine_models_read(engine, UINT64_MAX, SIZE_MAX, list_row, text), 0);
    return text;
}

static double score(fd_engine *engine) {
    fd_item_reference reference = {.id = "p1-r2"};
    fd_score result;
    fd_fault fault = {0};
    uint64_t version;
    assert_int_equal(fd_engine_score(engine, &reference, 1, &result, &version, &fault), 0);
    return result.reward;
}

static int activate(fd_engine *engine, uint64_t version) {
    fd_fault fault = {0};
    int r = fd_engine_model_activate(engine, version, &fault);
    assert_true((r == 0) == (fault.detail[0] == '\0'));
    return r;
}

/* Trains; the new version may be rejected. */
static void train(fd_engine *engine, fd_retrain from) {
    fd_fault fault = {0};
    assert_int_equal(fd_engine_train(engine, from, &fault), 0);
    fd_engine_wait_trained(engine);
}

/* ---- what is stored ---- */

static void each_training_stores_a_version_with_its_figures_and_its_parent(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare(&world);
    start_trained(&world);
    assert_int_equal(fixture_train(world.engine), 2);
    assert_string_equal(listed(world.engine), "2a 1s");
    assert_true(prints(world.engine, "fisherd_models_stored 2\n"));

    fd_model_row first = row_of(world.engine, 1), second = row_of(world.engine, 2);
    assert_int_equal(first.scratch, 1);
    assert_int_equal(first.parent, 0);
    assert_int_equal(second.scratch, 0);
    assert_int_equal(second.parent, 1);
    assert_int_equal(second.labels, PROMPTS * RESPONSES * (RESPONSES - 1) / 2);
    assert_in_range(second.held_out_labels, 200, second.labels);
    assert_true(second.held_out_accuracy > 0.9);
    assert_true(second.held_out_accuracy_low < second.held_out_accuracy);
    assert_true(second.held_out_accuracy_high >= second.held_out_accuracy);
    assert_true(second.held_out_calibration_error >= 0 && second.held_out_calibration_error < 0.5);
    assert_int_equal(second.control_labels, 0);
    assert_true(isnan(second.control_accuracy));

    fd_model_row shown = fixture_model(world.engine).row;
    assert_int_equal(shown.state, FD_MODEL_ACTIVE);
    assert_true(shown.held_out_loss == second.held_out_loss);
    assert_true(shown.held_out_accuracy_low == second.held_out_accuracy_low);
}

static void unseen_labels_of_the_control_arm_have_their_own_accuracy(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare(&world);
    world.options.control_fraction = 0.5;
    world_start(&world, PROMPTS, RESPONSES);
    size_t control = 0;
    for (size_t i = 0; i < 60; i++) {
        fixture_given given = ask(&world, "ann");
        control += given.control;
        answer(&world, i, "ann", &given, FD_PREFER_A);
    }
    (void)fixture_train(world.engine);
    fd_model_row row = row_of(world.engine, 1);
    assert_in_range(row.control_labels, 1, control);
    assert_true(row.control_labels < row.held_out_labels);
    assert_true(row.control_accuracy >= 0 && row.control_accuracy <= 1);
}

static void the_figures_of_an_untrained_model_are_unknown(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare(&world);
    world_start(&world, 1, 2);
    fd_model_info info = fixture_model(world.engine);
    assert_int_equal(info.row.version, 0);
    assert_int_equal(info.row.scratch, -1);
    assert_true(isnan(info.row.prior_precision) && isnan(info.row.held_out_accuracy_low));
    assert_string_equal(listed(world.engine), "");
}

static void the_newest_versions_are_kept_and_the_one_that_serves(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare(&world);
    world.options.models_kept = 2;
    world_start(&world, PROMPTS, RESPONSES);
    answer_prompts(world.engine, 0, PROMPTS / 2);
    for (uint64_t version = 1; version <= 4; version++)
        assert_int_equal(fixture_train(world.engine), version);
    assert_string_equal(listed(world.engine), "4a 3s");
    assert_true(prints(world.engine, "fisherd_models_stored 2\n"));

    assert_int_equal(activate(world.engine, 3), 0);
    answer_prompts(world.engine, PROMPTS / 2, PROMPTS);
    forget_how_to_learn(&world);
    assert_true(prints(world.engine, "fisherd_models_stored 2\n"));
    for (uint64_t version = 5; version <= 7; version++)
        train(world.engine, FD_RETRAIN_SCRATCH);
    assert_string_equal(listed(world.engine), "7r 6r 3a");
}

/* ---- going back ---- */

static void an_activated_version_serves_and_chooses_pairs(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare(&world);
    world.options.candidates.scope = FI_SCOPE_ANY;
    start_trained(&world);
    double first = score(world.engine);
    (void)fixture_train(world.engine);
    double second = score(world.engine), logdet = fixture_model(world.engine).logdet;
    assert_true(first != second);
    fixture_wait_version(world.engine, 2);

    assert_int_equal(activate(world.engine, 1), 0);
    fd_model_info info = fixture_model(world.engine);
    assert_int_equal(info.version, 1);
    assert_int_equal(info.row.state, FD_MODEL_ACTIVE);
    assert_true(score(world.engine) == first);
    assert_true(info.logdet != logdet && isfinite(info.logdet));
    assert_string_equal(listed(world.engine), "2s 1a");
    assert_true(prints(world.engine, "fisherd_model_activations_total 1\n"));
    assert_true(prints(world.engine, "fisherd_model_version 1\n"));
    for (;;) { /* until version 1 has chosen the latest batch */
        fd_stats stats = fixture_stats(world.engine);
        uint64_t version = stats.batches[stats.n_batches - 1].model_version;
        fd_stats_clear(&stats);
        if (version == 1)
            break;
        (void)sched_yield();
    }
    assert_int_equal(ask(&world, "ann").model_version, 1);

    assert_int_equal(activate(world.engine, 1), 0);
    assert_true(score(world.engine) == first);
    assert_int_equal(activate(world.engine, 2), 0);
    assert_true(score(world.engine) == second);
    assert_true(fabs(fixture_model(world.engine).logdet - logdet) <= 1e-6 * fabs(logdet));
}

static void an_activated_version_serves_after_a_restart_and_the_next_one_is_newer(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare(&world);
    start_trained(&world);
    (void)fixture_train(world.engine);
    assert_int_equal(activate(world.engine, 1), 0);
    double reward = score(world.engine);
    world_reopen(&world);
    assert_string_equal(listed(world.engine), "2s 1a");
    assert_int_equal(fixture_model(world.engine).version, 1);
    assert_true(score(world.engine) == reward);
    assert_int_equal(fixture_train(world.engine), 3);
    assert_int_equal(row_of(world.engine, 3).parent, 1);
    assert_string_equal(listed(world.engine), "3a 2s 1s");
}

static void an_activated_version_covers_the_items_and_labels_since_its_training(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare(&world);
    start_trained(&world);
    (void)fixture_train(world.engine);
    fixture_add_items(world.engine, PROMPTS + 1, RESPONSES);
    assert_int_equal(fixture_label(world.engine, 1000, fixture_item_id(PROMPTS, 0),
                                   fixture_item_id(PROMPTS, 1), FD_PREFER_TIE),
                     0);
    assert_int_equal(activate(world.engine, 1), 0);
    fd_model_info info = fixture_model(world.engine);
    assert_int_equal(info.items, (PROMPTS + 1) * RESPONSES);
    world_reopen(&world);
    double recomputed = fixture_model(world.engine).logdet;
    assert_true(fabs(info.logdet - recomputed) <= 1e-6 * fabs(recomputed));
}

static void activating_an_unknown_version_is_refused_and_changes_nothing(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare(&world);
    world_open(&world);
    assert_int_equal(activate(world.engine, 1), -ENOENT);
    fd_engine_close(world.engine);
    start_trained(&world);
    const uint64_t unknown[] = {2, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < FD_LENGTH(unknown); i++)
        assert_int_equal(activate(world.engine, unknown[i]), -ENOENT);
    assert_string_equal(listed(world.engine), "1a");
}

/* Adds a version to the store without the engine. */
static void plant(struct world *world, uint64_t version, fd_model_state state, const void *bytes,
                  size_t size) {
    const fd_store_operations *store = world->store->operations;
    bool active = state == FD_MODEL_ACTIVE;
    fd_model_row row = {.version = version,
                        .answers = -1,
                        .logdet = NAN,
                        .state = active ? FD_MODEL_STORED : state,
                        .bytes = bytes,
                        .size = size};
    assert_int_equal(store->begin(world->store), 0);
    assert_int_equal(store->model_add(world->store, &row), 0);
    if (active)
        assert_int_equal(store->model_activate(world->store, version), 0);
    assert_int_equal(store->commit(world->store), 0);
}

static void plant_model(struct world *world, uint64_t version, fd_model_state state,
                        uint32_t inputs) {
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    FD_FREE uint8_t *bytes = NULL;
    size_t size;
    fi_shape shape = {.inputs = inputs};
    assert_int_equal(fi_model_new(&shape, version, &model), 0);
    assert_int_equal(fi_model_encode(model, &bytes, &size), 0);
    plant(world, version, state, bytes, size);
}

static void activating_a_version_that_cannot_serve_is_a_conflict_and_changes_nothing(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare(&world);
    start_trained(&world);
    plant_model(&world, 5, FD_MODEL_STORED, DIMENSION + 1);
    plant(&world, 6, FD_MODEL_STORED, "no model", 8);
    assert_int_equal(activate(world.engine, 5), -EEXIST);
    assert_int_equal(activate(world.engine, 6), -EEXIST);
    assert_string_equal(listed(world.engine), "6s 5s 1a");
    assert_int_equal(fixture_model(world.engine).version, 1);
}

static void an_activation_that_is_not_committed_changes_nothing(void **state) {
    (void)state;
    fd_engine_options options = fixture_options();
    fd_store *store = fixture_faulty_store();
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_open(&options, store);
    fd_fault fault = {0};
    fixture_add_items(engine, 2, 3);
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    (void)fixture_train(engine);
    (void)fixture_train(engine);
    double reward = score(engine);
    fixture_fail_commit(store, 1, -EIO);
    assert_int_equal(fd_engine_model_activate(engine, 1, &fault), -EIO);
    assert_true(score(engine) == reward);
    assert_string_equal(listed(engine), "2a 1s");
    assert_true(!prints(engine, "fisherd_model_activations_total"));
    assert_int_equal(activate(engine, 1), 0);
    assert_string_equal(listed(engine), "2s 1a");
}

/* ---- at the start ---- */

static void without_an_active_version_the_newest_that_was_not_rejected_serves(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare(&world);
    world_start(&world, PROMPTS, RESPONSES);
    plant_model(&world, 3, FD_MODEL_STORED, DIMENSION);
    plant_model(&world, 4, FD_MODEL_STORED, DIMENSION);
    plant_model(&world, 5, FD_MODEL_REJECTED, DIMENSION);
    world_reopen(&world);
    assert_int_equal(fixture_model(world.engine).version, 4);
    assert_string_equal(listed(world.engine), "5r 4a 3s");
    assert_true(prints(world.engine, "fisherd_models_stored 3\n"));
    answer_prompts(world.engine, 0, PROMPTS);
    assert_int_equal(fixture_train(world.engine), 6);
}

static void if_the_active_version_is_damaged_the_newest_sound_one_serves(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare(&world);
    world_start(&world, PROMPTS, RESPONSES);
    plant_model(&world, 1, FD_MODEL_STORED, DIMENSION);
    plant(&world, 2, FD_MODEL_ACTIVE, "no model", 8);
    plant_model(&world, 3, FD_MODEL_STORED, DIMENSION);
    plant_model(&world, 4, FD_MODEL_STORED, DIMENSION + 2);
    world_reopen(&world);
    assert_int_equal(fixture_model(world.engine).version, 3);
    assert_string_equal(listed(world.engine), "4s 3a 2s 1s");
}

/* ---- rejection ---- */

static int expect_reason(void *context, const fd_model_row *row) {
    (void)context;
    assert_int_equal(row->state, FD_MODEL_REJECTED);
    assert_non_null(strstr(row->reason, "version 1"));
    return 0;
}

static void a_model_that_is_clearly_worse_is_stored_and_does_not_serve(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare(&world);
    start_trained_on_half(&world);
    double reward = score(world.engine);
    forget_how_to_learn(&world);
    train(world.engine, FD_RETRAIN_SCRATCH);
    assert_string_equal(listed(world.engine), "2r 1a");
    assert_int_equal(fd_engine_models_read(world.engine, 2, 1, expect_reason, NULL), 0);
    fd_model_row row = row_of(world.engine, 2);
    assert_int_equal(row.labels, PROMPTS * RESPONSES * (RESPONSES - 1) / 2);
    assert_int_equal(fixture_model(world.engine).version, 1);
    assert_true(score(world.engine) == reward);
    assert_true(prints(world.engine, "fisherd_models_rejected_total 1\n"));

    world_reopen(&world);
    assert_int_equal(fixture_model(world.engine).version, 1);
    train(world.engine, FD_RETRAIN_SCRATCH);
    assert_string_equal(listed(world.engine), "3r 2r 1a");
    assert_int_equal(activate(world.engine, 2), 0);
    assert_string_equal(listed(world.engine), "3r 2a 1s");
}

static void expect_curve(fd_engine *engine, size_t n, const uint64_t *versions) {
    fd_progress progress;
    fd_engine_progress(engine, &progress);
    assert_int_equal(progress.n_curve, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(progress.curve[i].version, versions[i]);
}

static void a_rejected_version_joins_the_learning_curve_once_it_is_activated(void **state) {
    (void)state;
    static const uint64_t without[] = {1, 3}, with[] = {1, 2, 3};
    FD_CLEANUP(world_clear) struct world world;
    prepare(&world);
    start_trained_on_half(&world);
    forget_how_to_learn(&world);
    train(world.engine, FD_RETRAIN_SCRATCH);
    learn_again(&world);
    train(world.engine, FD_RETRAIN_WARM);
    assert_string_equal(listed(world.engine), "3a 2r 1s");
    expect_curve(world.engine, 2, without);
    assert_int_equal(activate(world.engine, 1), 0);
    expect_curve(world.engine, 2, without);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(activate(world.engine, 2), 0);
        expect_curve(world.engine, 3, with);
    }
    world_reopen(&world);
    expect_curve(world.engine, 3, with);
}

/* Version 1 has seen all labels, so none can compare it with version 2. */
static void without_newer_labels_nothing_is_rejected(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare(&world);
    start_trained(&world);
    forget_how_to_learn(&world);
    train(world.engine, FD_RETRAIN_SCRATCH);
    assert_string_equal(listed(world.engine), "2a 1s");
}

/* ---- copies for export ---- */

static void the_model_that_serves_and_stored_versions_can_be_copied(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    fd_fault fault = {0};
    fd_model_row row;
    prepare(&world);
    world_open(&world);
    FD_CLEANUP(fi_model_freep) fi_model *none = NULL;
    assert_int_equal(fd_engine_model_copy(world.engine, 0, &row, &none, &fault), -EAGAIN);
    assert_int_equal(fd_engine_model_copy(world.engine, 1, &row, &none, &fault), -ENOENT);
    fd_engine_close(world.engine);
    start_trained(&world);
    (void)fixture_train(world.engine);
    assert_int_equal(fd_engine_model_copy(world.engine, 3, &row, &none, &fault), -ENOENT);
    float embeddings[PROMPTS * RESPONSES * DIMENSION];
    float features[8], reward; /* the hidden width */
    fixture_embeddings(embeddings, PROMPTS * RESPONSES);
    for (uint64_t version = 0; version <= 2; version++) {
        FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
        assert_int_equal(fd_engine_model_copy(world.engine, version, &row, &model, &fault), 0);
        assert_int_equal(row.version, version > 0 ? version : 2);
        assert_null(row.bytes);
        assert_int_equal(activate(world.engine, row.version), 0);
        assert_int_equal(
            fi_model_features(model, 1, embeddings + (RESPONSES + 2) * DIMENSION, NULL, features),
            0);
        fi_model_rewards(model, 1, features, &reward);
        assert_true(fabs((double)reward - score(world.engine)) < 1e-5);
    }
}

/* ---- all at once ---- */

struct traffic {
    fd_engine *engine;
    atomic_bool done;
    atomic_int failures;
};

static void *select_always(void *context) {
    struct traffic *traffic = context;
    for (uint64_t seed = 0; !atomic_load(&traffic->done); seed++) {
        fd_selection_request request = fixture_request(5, FI_SCOPE_ANY, seed);
        FD_CLEANUP(fd_selection_result_clear) fd_selection_result result = {0};
        fd_fault fault = {0};
        if (fd_engine_select(traffic->engine, &request, &result, &fault) < 0 || result.count != 5)
            atomic_fetch_add(&traffic->failures, 1);
    }
    return NULL;
}

static void *activate_always(void *context) {
    struct traffic *traffic = context;
    for (uint64_t i = 0; !atomic_load(&traffic->done); i++) {
        fd_fault fault = {0};
        int r = fd_engine_model_activate(traffic->engine, 1 + i % 3, &fault);
        fd_model_info info = fixture_model(traffic->engine);
        if ((r < 0 && r != -ENOENT) || info.version == 0 || listed(traffic->engine)[0] == '\0')
            atomic_fetch_add(&traffic->failures, 1);
    }
    return NULL;
}

static void versions_change_while_models_are_trained_and_pairs_are_chosen(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    prepare(&world);
    world.options.models_kept = 4;
    start_trained(&world);
    struct traffic traffic = {.engine = world.engine};
    pthread_t selector, activator;
    assert_int_equal(pthread_create(&selector, NULL, select_always, &traffic), 0);
    assert_int_equal(pthread_create(&activator, NULL, activate_always, &traffic), 0);
    for (uint64_t version = 2; version <= 8; version++)
        train(world.engine, version % 2 ? FD_RETRAIN_WARM : FD_RETRAIN_SCRATCH);
    atomic_store(&traffic.done, true);
    assert_int_equal(pthread_join(selector, NULL), 0);
    assert_int_equal(pthread_join(activator, NULL), 0);
    assert_int_equal(atomic_load(&traffic.failures), 0);

    uint64_t version = fixture_model(world.engine).version;
    double reward = score(world.engine), logdet = fixture_model(world.engine).logdet;
    world_reopen(&world);
    assert_int_equal(fixture_model(world.engine).version, version);
    assert_true(score(world.engine) == reward);
    double recomputed = fixture_model(world.engine).logdet;
    assert_true(fabs(logdet - recomputed) <= 1e-6 * fabs(recomputed));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_training_stores_a_version_with_its_figures_and_its_parent),
        cmocka_unit_test(unseen_labels_of_the_control_arm_have_their_own_accuracy),
        cmocka_unit_test(the_figures_of_an_untrained_model_are_unknown),
        cmocka_unit_test(the_newest_versions_are_kept_and_the_one_that_serves),
        cmocka_unit_test(an_activated_version_serves_and_chooses_pairs),
        cmocka_unit_test(an_activated_version_serves_after_a_restart_and_the_next_one_is_newer),
        cmocka_unit_test(an_activated_version_covers_the_items_and_labels_since_its_training),
        cmocka_unit_test(activating_an_unknown_version_is_refused_and_changes_nothing),
        cmocka_unit_test(activating_a_version_that_cannot_serve_is_a_conflict_and_changes_nothing),
        cmocka_unit_test(an_activation_that_is_not_committed_changes_nothing),
        cmocka_unit_test(without_an_active_version_the_newest_that_was_not_rejected_serves),
        cmocka_unit_test(if_the_active_version_is_damaged_the_newest_sound_one_serves),
        cmocka_unit_test(a_model_that_is_clearly_worse_is_stored_and_does_not_serve),
        cmocka_unit_test(a_rejected_version_joins_the_learning_curve_once_it_is_activated),
        cmocka_unit_test(without_newer_labels_nothing_is_rejected),
        cmocka_unit_test(the_model_that_serves_and_stored_versions_can_be_copied),
        cmocka_unit_test(versions_change_while_models_are_trained_and_pairs_are_chosen),
    };
    return cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
