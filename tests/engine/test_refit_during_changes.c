/* Refits while everything else changes. */
#include "model_versions.h"
#include "refit_world.h"
#include "score.h"
#include "select.h"
#include "trainer.h"

/* ---- with other changes ---- */

static void without_the_refit_option_only_trainings_change_the_model(void **state) {
    (void)state;
    fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 2, 4);
    double before = score_of(engine, "p0-r0");
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    fd_engine_wait_refitted(engine);
    assert_true(score_of(engine, "p0-r0") == before);
    fd_engine_close(engine);
}

static void selections_follow_a_refit_at_once(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 2, 4);
    fd_pair_reference pair = {{.id = "p0-r0"}, {.id = "p0-r1"}};
    fd_selection_request request = {.batch_size = 1, .pairs = &pair, .n_pairs = 1};
    double p[2];
    for (size_t i = 0; i < 2; i++) {
        FD_CLEANUP(fd_selection_result_clear) fd_selection_result result = {0};
        fd_fault fault = {0};
        assert_int_equal(fd_engine_select(engine, &request, &result, &fault), 0);
        p[i] = result.pairs[0].p;
        double gap = score_of(engine, "p0-r0") - score_of(engine, "p0-r1");
        assert_true(fabs(p[i] - 1.0 / (1.0 + exp(-gap))) < 1e-6);
        assert_int_equal(fixture_label(engine, i, "p0-r0", "p0-r1", FD_PREFER_B), 0);
        fd_engine_wait_refitted(engine);
    }
    assert_true(p[1] < p[0] - 0.01);
    fd_engine_close(engine);
}

static void items_that_come_after_a_refit_are_scored_by_it(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    struct known known;
    fd_engine *engine = answered(&options, &known);
    fixture_add_items(engine, PROMPTS + 2, RESPONSES);
    float embeddings[(ITEMS + 2 * RESPONSES) * DIMENSION];
    fixture_embeddings(embeddings, ITEMS + 2 * (size_t)RESPONSES);
    fd_item_reference inlined = {.embedding = embeddings + (ITEMS + 3) * DIMENSION,
                                 .dimension = DIMENSION};
    fd_score result;
    fd_fault fault = {0};
    uint64_t version;
    assert_int_equal(fd_engine_score(engine, &inlined, 1, &result, &version, &fault), 0);
    assert_true(fabs(result.reward - score_of(engine, fixture_item_id(PROMPTS, 3))) < 1e-5);
    fd_engine_close(engine);
}

static void an_untrained_model_fitted_to_more_items_learns_the_labels_again(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 1, 4);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(fixture_label(engine, i, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    for (size_t prompts = 2; prompts <= 8; prompts *= 2) {
        fixture_add_items(engine, prompts, 4);
        fd_engine_wait_refitted(engine);
        fd_model_info model = fixture_model(engine);
        assert_int_equal(model.labels_fitted, 8);
        assert_int_equal(model.items, prompts * 4);
        assert_true(score_of(engine, "p0-r0") > score_of(engine, "p0-r1") + 0.1);
    }
    fd_engine_close(engine);
}

static void an_activated_version_is_refitted_from_its_own_training(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_NETWORK);
    struct known known;
    fd_fault fault = {0};
    fd_engine *engine = answered(&options, &known);
    double first[ITEMS], second[ITEMS], again[ITEMS];
    all_scores(engine, first);
    train(engine);
    all_scores(engine, second);
    assert_false(is_close(first, second, ITEMS, 1e-3));
    assert_int_equal(fd_engine_model_activate(engine, 1, &fault), 0);
    fd_engine_wait_refitted(engine);
    assert_int_equal(fixture_model(engine).version, 1);
    assert_int_equal(fixture_model(engine).refits, 1);
    all_scores(engine, again);
    assert_true(is_close(first, again, ITEMS, 1e-6));
    assert_int_equal(fd_engine_model_activate(engine, 2, &fault), 0);
    fd_engine_wait_refitted(engine);
    assert_int_equal(fixture_model(engine).refits, 0);
    all_scores(engine, again);
    assert_true(is_close(second, again, ITEMS, 1e-6));
    fd_engine_close(engine);
}

static void the_version_that_serves_in_the_end_has_learned_from_all_labels(void **state) {
    (void)state;
    for (int kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++) {
        fd_engine_options options = refit_options((fi_kind)kind);
        struct known known;
        fd_fault fault = {0};
        fd_engine *engine = answered(&options, &known);
        train(engine);
        for (size_t i = 0; i < 100; i++) {
            assert_int_equal(fixture_label(engine, ANSWERS + i, "p0-r0", "p0-r1", FD_PREFER_A), 0);
            assert_int_equal(fd_engine_model_activate(engine, 1 + i % 2, &fault), 0);
        }
        fd_engine_wait_refitted(engine);
        fd_model_info model = fixture_model(engine);
        assert_int_equal(model.version, 2);
        assert_int_equal(model.labels_fitted, ANSWERS + 100);
        assert_false(prints(engine, "fisherd_store_failures_total"));
        assert_true(model.refits >= 1);
        fd_engine_close(engine);
    }
}

static void a_refit_that_cannot_be_stored_changes_nothing(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    fd_store *store = fixture_faulty_store();
    fd_engine *engine = fixture_open(&options, store);
    fixture_add_items(engine, 2, 4);
    double before = score_of(engine, "p0-r0");
    fixture_fail_commit(store, 2, -EIO); /* the first commit is that of the label */
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    fd_engine_wait_refitted(engine);
    assert_true(score_of(engine, "p0-r0") == before);
    assert_true(prints(engine, "fisherd_refits_total{result=\"failed\"} 1\n"));
    assert_int_equal(fixture_label(engine, 2, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    fd_engine_wait_refitted(engine);
    assert_int_equal(fixture_model(engine).labels_fitted, 2);
    fd_engine_close(engine);
}

static void an_engine_can_be_closed_while_it_refits(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    for (size_t run = 0; run < 30; run++) {
        fd_engine *engine = fixture_memory(&options);
        fixture_add_items(engine, 2, 4);
        for (size_t i = 0; i <= run % 5; i++)
            assert_int_equal(fixture_label(engine, i, "p0-r0", "p0-r1", FD_PREFER_A), 0);
        fd_engine_close(engine);
    }
}

static void reopen_to_the_same_rewards(struct world *world) {
    double before[ITEMS], after[ITEMS];
    fd_engine_wait_refitted(world->engine);
    all_scores(world->engine, before);
    world_reopen(world);
    fd_engine_wait_refitted(world->engine);
    all_scores(world->engine, after);
    assert_true(is_close(before, after, ITEMS, 1e-6));
}

static void the_same_rewards_serve_after_a_restart(void **state) {
    (void)state;
    for (int kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++) {
        FD_CLEANUP(world_clear) struct world world;
        world_prepare(&world);
        world.options = refit_options((fi_kind)kind);
        world_start(&world, PROMPTS, RESPONSES);
        struct known known = {0};
        answer_up_to(world.engine, &known, ANSWERS / 2);
        assert_int_equal(fixture_label(world.engine, ANSWERS, "p0-r0", "p1-r1", FD_PREFER_SKIP), 0);
        train(world.engine);
        for (size_t last = ANSWERS / 2; last <= ANSWERS; last += ANSWERS / 4) {
            answer_up_to(world.engine, &known, last);
            assert_int_equal(
                fixture_label(world.engine, 1000 + last, "p0-r0", "p1-r2", FD_PREFER_SKIP), 0);
            reopen_to_the_same_rewards(&world);
            assert_int_equal(fixture_model(world.engine).version, 1);
            assert_int_equal(fixture_model(world.engine).labels_fitted, last);
        }
    }
}

static void labels_that_replace_retracted_ones_are_fitted_after_a_restart_too(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options = refit_options(FI_KIND_NETWORK);
    fixture_use_clock(&world.options, &world.clock);
    world_start(&world, PROMPTS, RESPONSES);
    struct known known = {0};
    answer_up_to(world.engine, &known, 50);
    train(world.engine);
    fixture_pass(&world.clock, 60);
    answer_up_to(world.engine, &known, 70);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(fixture_revise(world.engine, i, FD_PREFER_RETRACTED), 0);
    reopen_to_the_same_rewards(&world);
}

static void the_prior_of_a_refit_is_what_its_own_network_learned(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options = refit_options(FI_KIND_NETWORK);
    world_start(&world, PROMPTS, RESPONSES);
    struct known known = {0};
    for (size_t last = 50; last <= 150; last += 50) {
        answer_up_to(world.engine, &known, last);
        train(world.engine);
        answer_up_to(world.engine, &known, last + 20);
        fd_engine_wait_refitted(world.engine);
    }
    reopen_to_the_same_rewards(&world); /* the new engine has not seen the networks before */
}

/* ---- all at once ---- */

struct turmoil {
    fd_engine *engine;
    atomic_int failures; /* asserts belong to the main thread */
    atomic_bool over;
};

static void expect(struct turmoil *turmoil, int r) {
    if (r != 0)
        (void)atomic_fetch_add(&turmoil->failures, 1);
}

enum { TURMOIL_LABELS = 300, TURMOIL_PROMPTS = 60, TURMOIL_CHANGES = 20 };

static void *add_labels(void *context) {
    struct turmoil *turmoil = context;
    for (size_t i = 0; i < TURMOIL_LABELS; i++)
        expect(turmoil, fixture_label(turmoil->engine, i, id_of((uint32_t)i % ITEMS),
                                      id_of((uint32_t)(i * 5 + 1) % ITEMS), FD_PREFER_A));
    return NULL;
}

static void *add_items(void *context) {
    struct turmoil *turmoil = context;
    for (size_t i = PROMPTS; i <= TURMOIL_PROMPTS; i++)
        fixture_add_items(turmoil->engine, i, RESPONSES);
    return NULL;
}

static void *change_versions(void *context) {
    struct turmoil *turmoil = context;
    for (size_t i = 0; i < TURMOIL_CHANGES; i++) {
        fd_fault fault = {0};
        expect(turmoil, fd_engine_train(turmoil->engine, i % 2, &fault));
        fd_engine_wait_trained(turmoil->engine);
        expect(turmoil, fd_engine_model_activate(turmoil->engine, i / 2 + 1, &fault));
    }
    return NULL;
}

static void *select_pairs(void *context) {
    struct turmoil *turmoil = context;
    while (!atomic_load(&turmoil->over)) {
        FD_CLEANUP(fd_selection_result_clear) fd_selection_result result = {0};
        fd_fault fault = {0};
        fd_selection_request request = fixture_request(4, FI_SCOPE_WITHIN, 1);
        request.generate.pairs = 50;
        expect(turmoil, fd_engine_select(turmoil->engine, &request, &result, &fault));
    }
    return NULL;
}

/* Items of the table have the same scores as inline ones. */
static void check_scores(fd_engine *engine) {
    size_t n = (size_t)TURMOIL_PROMPTS * RESPONSES;
    FD_FREE float *embeddings = calloc(n, DIMENSION * sizeof(float));
    assert_non_null(embeddings);
    fixture_embeddings(embeddings, n);
    for (size_t i = 0; i < n; i++) {
        fd_item_reference pair[2] = {
            {.embedding = embeddings + i * DIMENSION, .dimension = DIMENSION},
            {.id = fixture_item_id(i / RESPONSES, i % RESPONSES)},
        };
        fd_score scores[2];
        fd_fault fault = {0};
        uint64_t version;
        assert_int_equal(fd_engine_score(engine, pair, 2, scores, &version, &fault), 0);
        assert_true(fabs(scores[0].reward - scores[1].reward) < 1e-4);
    }
}

static void labels_items_trainings_activations_and_selections_can_run_at_once(void **state) {
    (void)state;
    for (int kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++) {
        fd_engine_options options = refit_options((fi_kind)kind);
        struct turmoil turmoil = {.engine = fixture_memory(&options)};
        fixture_add_items(turmoil.engine, PROMPTS, RESPONSES);
        assert_int_equal(
            fixture_label(turmoil.engine, TURMOIL_LABELS, "p0-r0", "p0-r1", FD_PREFER_A), 0);
        void *(*const runs[])(void *) = {add_labels, add_items, change_versions, select_pairs};
        pthread_t threads[FD_LENGTH(runs)];
        for (size_t i = 0; i < FD_LENGTH(runs); i++)
            assert_int_equal(pthread_create(&threads[i], NULL, runs[i], &turmoil), 0);
        for (size_t i = 0; i < FD_LENGTH(runs); i++) {
            if (i + 1 == FD_LENGTH(runs))
                atomic_store(&turmoil.over, true);
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        }
        fd_engine_wait_refitted(turmoil.engine);
        assert_int_equal(atomic_load(&turmoil.failures), 0);
        fd_model_info model = fixture_model(turmoil.engine);
        assert_int_equal(model.labels_fitted, TURMOIL_LABELS + 1);
        assert_int_equal(model.items, TURMOIL_PROMPTS * RESPONSES);
        assert_false(prints(turmoil.engine, "fisherd_store_failures_total"));
        check_scores(turmoil.engine);
        fd_engine_close(turmoil.engine);
    }
}

static void a_linear_model_keeps_its_corrections_after_a_restart(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options = refit_options(FI_KIND_LINEAR);
    world_start(&world, PROMPTS, RESPONSES);
    struct known known = {0};
    double trained[ITEMS], corrected[ITEMS];
    answer_up_to(world.engine, &known, 20);
    train(world.engine);
    all_scores(world.engine, trained);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(
            fixture_revise(world.engine, i, known.targets[i] > 0.5f ? FD_PREFER_B : FD_PREFER_A),
            0);
    fd_engine_wait_refitted(world.engine);
    all_scores(world.engine, corrected);
    assert_false(is_close(trained, corrected, ITEMS, 1e-3));
    reopen_to_the_same_rewards(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_the_refit_option_only_trainings_change_the_model),
        cmocka_unit_test(selections_follow_a_refit_at_once),
        cmocka_unit_test(items_that_come_after_a_refit_are_scored_by_it),
        cmocka_unit_test(an_untrained_model_fitted_to_more_items_learns_the_labels_again),
        cmocka_unit_test(an_activated_version_is_refitted_from_its_own_training),
        cmocka_unit_test(the_version_that_serves_in_the_end_has_learned_from_all_labels),
        cmocka_unit_test(a_refit_that_cannot_be_stored_changes_nothing),
        cmocka_unit_test(an_engine_can_be_closed_while_it_refits),
        cmocka_unit_test(the_same_rewards_serve_after_a_restart),
        cmocka_unit_test(labels_that_replace_retracted_ones_are_fitted_after_a_restart_too),
        cmocka_unit_test(the_prior_of_a_refit_is_what_its_own_network_learned),
        cmocka_unit_test(labels_items_trainings_activations_and_selections_can_run_at_once),
        cmocka_unit_test(a_linear_model_keeps_its_corrections_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
