/* Scores of items and the project in the engine: all or nothing, in groups, and after a restart. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "engine_state.h"
#include "fixture.h"
#include "items.h"
#include "prior_scores.h"
#include "project.h"

static int set_named(fd_engine *engine, const char *id, const char *name, double value,
                     fd_scores_set *ret) {
    const fd_item_score score = {.name = name, .value = value};
    const fd_scores_of_item item = {id, &score, 1};
    fd_fault fault = {0};
    return fd_engine_scores_set(engine, &item, 1, ret, &fault);
}

static void set(fd_engine *engine, const char *id, const char *name, double value) {
    fd_scores_set done;
    assert_int_equal(set_named(engine, id, name, value, &done), 0);
}

/* The scores of an item as text, such as "judge=1 old=2 ". */
static const char *scores_of(fd_engine *engine, uint32_t item) {
    static char text[512];
    fd_item_score scores[FD_SCORE_NAMES_MAX];
    size_t n = fd_engine_item_scores(engine, item, scores), used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s=%.17g ", scores[i].name,
                                 scores[i].value);
    return text;
}

static void scores_are_set_changed_and_withdrawn_and_outlive_the_engine(void **state) {
    struct world world;
    (void)state;
    world_begin(&world, 2, 2);
    set(world.engine, "p0-r1", "judge", 7.1);
    set(world.engine, "p1-r1", "old \"rm\"", -1e6);
    set(world.engine, "p0-r1", "old \"rm\"", 0.25);
    set(world.engine, "p0-r1", "judge", 0.1);
    set(world.engine, "p1-r1", "old \"rm\"", NAN);
    set(world.engine, "p1-r0", "never there", NAN);
    for (int restarted = 0; restarted <= 1; restarted++) {
        assert_string_equal(scores_of(world.engine, 0), "");
        assert_string_equal(scores_of(world.engine, 1),
                            "judge=0.10000000000000001 old \"rm\"=0.25 ");
        assert_string_equal(scores_of(world.engine, 3), "");
        fd_score_counts counts = fd_engine_score_counts(world.engine);
        assert_int_equal(counts.items, 4);
        assert_int_equal(counts.n, 2);
        assert_string_equal(counts.names[0], "judge");
        assert_int_equal(counts.counts[0], 1);
        assert_int_equal(counts.counts[1], 1);
        world_reopen(&world);
    }
    world_clear(&world);
}

static void the_learner_reads_rows_of_floats(void **state) {
    fd_engine *engine = fixture_engine();
    float rows[3][2];
    (void)state;
    fixture_add_items(engine, 2, 2);
    set(engine, "p0-r1", "judge", 0.1);
    set(engine, "p0-r1", "old", 2);
    set(engine, "p1-r0", "old", -3);
    uint64_t changes = engine->scores.changes;
    fd_score_table_rows(&engine->scores, 1, 3, rows[0]);
    assert_true(rows[0][0] == 0.1f && rows[0][1] == 2.0f);
    assert_true(isnan(rows[1][0]) && rows[1][1] == -3.0f);
    assert_true(isnan(rows[2][0]) && isnan(rows[2][1]));
    set(engine, "p1-r1", "judge", 5);
    assert_true(engine->scores.changes > changes);
    fd_engine_close(engine);
}

static void a_list_is_set_as_a_whole_or_not_at_all(void **state) {
    fd_engine *engine = fixture_engine();
    fd_scores_set done;
    fd_fault fault = {0};
    (void)state;
    fixture_add_items(engine, 1, 3);
    const fd_item_score scores[] = {{.name = "judge", .value = 1}, {.name = "old", .value = 2}};
    const fd_scores_of_item items[] = {
        {"p0-r0", scores, 2}, {"p0-r1", scores, 1}, {"nothing", scores, 2}};
    assert_int_equal(fd_engine_scores_set(engine, items, 3, &done, &fault), -ENOENT);
    assert_string_equal(fault.pointer, "/items/2/id");
    assert_string_equal(scores_of(engine, 0), "");
    assert_int_equal(fd_engine_score_counts(engine).n, 0);
    assert_int_equal(fd_engine_scores_set(engine, items, 2, &done, &fault), 0);
    assert_int_equal(done.changed, 3);
    assert_int_equal(fd_engine_scores_set(engine, items, 2, &done, &fault), 0);
    assert_int_equal(done.changed, 0);
    assert_int_equal(done.unchanged, 3);
    assert_int_equal(fd_engine_scores_set(engine, items, 0, &done, &fault), 0);
    fd_engine_close(engine);
}

static void a_project_has_sixteen_names_of_scores(void **state) {
    fd_engine *engine = fixture_engine();
    fd_item_score scores[17];
    char names[17][8];
    fd_scores_set done;
    fd_fault fault = {0};
    (void)state;
    fixture_add_items(engine, 1, 2);
    for (size_t i = 0; i < 17; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "s%zu", i);
        scores[i] = (fd_item_score){.name = names[i], .value = (double)i};
    }
    const fd_scores_of_item too_many = {"p0-r0", scores, 17}, enough = {"p0-r0", scores, 16};
    assert_int_equal(fd_engine_scores_set(engine, &too_many, 1, &done, &fault), -EINVAL);
    assert_string_equal(fault.pointer, "/items/0/scores");
    assert_non_null(strstr(fault.detail, "\"s16\""));
    assert_int_equal(fd_engine_score_counts(engine).n, 0);
    assert_int_equal(fd_engine_scores_set(engine, &enough, 1, &done, &fault), 0);
    assert_int_equal(set_named(engine, "p0-r1", "s16", 1, &done), -EINVAL);
    assert_int_equal(set_named(engine, "p0-r1", "s15", 1, &done), 0);
    assert_int_equal(set_named(engine, "p0-r1", "s16", NAN, &done), 0);
    assert_int_equal(fd_engine_score_counts(engine).n, 16);
    fd_engine_close(engine);
}

static void scores_come_with_items(void **state) {
    fd_engine *engine = fixture_engine();
    float embeddings[2 * DIMENSION];
    fd_added added;
    fd_fault fault = {0};
    (void)state;
    fixture_embeddings(embeddings, 2);
    const fd_item_score first[] = {{.name = "judge", .value = 1},
                                   {.name = "meta", .value = 2, .for_new_items = true}};
    const fd_item_score second[] = {{.name = "judge", .value = 3},
                                    {.name = "meta", .value = 4, .for_new_items = true}};
    fd_item_row row = {.id = "x",
                       .prompt_id = "p",
                       .embedding = embeddings,
                       .dimension = DIMENSION,
                       .scores = first,
                       .n_scores = 2};
    assert_int_equal(fd_engine_items_add(engine, &row, 1, &added, &fault), 0);
    assert_string_equal(scores_of(engine, 0), "judge=1 meta=2 ");
    row.scores = second;
    assert_int_equal(fd_engine_items_add(engine, &row, 1, &added, &fault), 0);
    assert_int_equal(added.unchanged, 1);
    assert_string_equal(scores_of(engine, 0), "judge=3 meta=2 ");
    row.n_scores = 0;
    assert_int_equal(fd_engine_items_add(engine, &row, 1, &added, &fault), 0);
    assert_string_equal(scores_of(engine, 0), "judge=3 meta=2 ");

    /* The second of two is not new. */
    const fd_item_score meta = {.name = "meta", .value = 6, .for_new_items = true};
    fd_item_row twice[] = {row, row};
    twice[0].id = twice[1].id = "twice";
    twice[0].scores = first;
    twice[0].n_scores = 1;
    twice[1].scores = &meta;
    twice[1].n_scores = 1;
    assert_int_equal(fd_engine_items_add(engine, twice, 2, &added, &fault), 0);
    assert_string_equal(scores_of(engine, 1), "judge=1 ");

    /* A conflict changes nothing, and takes no name. */
    const fd_item_score other = {.name = "other", .value = 9};
    fd_item_row rows[] = {row, row};
    rows[0].scores = &other;
    rows[0].n_scores = 1;
    rows[1].prompt_id = "q";
    assert_int_equal(fd_engine_items_add(engine, rows, 2, &added, &fault), -EEXIST);
    assert_string_equal(scores_of(engine, 0), "judge=3 meta=2 ");
    assert_int_equal(fd_engine_score_counts(engine).n, 2);
    fd_engine_close(engine);
}

static void a_failed_commit_changes_nothing(void **state) {
    fd_store *store = fixture_faulty_store();
    fd_engine_options options = fixture_options();
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_open(&options, store);
    fd_scores_set done;
    fd_project_state project;
    (void)state;
    fixture_add_items(engine, 1, 2);
    set(engine, "p0-r0", "judge", 1);
    fixture_fail_commit(store, 1, -EIO);
    assert_int_equal(set_named(engine, "p0-r0", "new", 2, &done), -EIO);
    assert_string_equal(scores_of(engine, 0), "judge=1 ");
    assert_int_equal(fd_engine_score_counts(engine).n, 1);
    fd_project_settings settings = {.n_scores = 1, .scores = {{"judge", FD_TRUST_TRUSTED}}};
    fixture_fail_commit(store, 1, -EIO);
    assert_int_equal(fd_engine_project_change(engine, 0, &settings, "ann", &project), -EIO);
    assert_int_equal(project.version, 0);
    set(engine, "p0-r0", "other", 3);
    assert_string_equal(scores_of(engine, 0), "judge=1 other=3 ");
    assert_int_equal(fd_engine_project_change(engine, 0, &settings, "ann", &project), 0);
    assert_int_equal(project.version, 1);
}

enum { SETTERS = 8, ROUNDS = 50 };

struct setter {
    fd_engine *engine;
    int number;
    pthread_t thread;
};

static void *set_often(void *context) {
    struct setter *setter = context;
    char name[8];
    fd_item_score scores[FD_SCORE_NAMES_MAX];
    (void)snprintf(name, sizeof(name), "s%d", setter->number % 4);
    for (int i = 0; i <= ROUNDS; i++) {
        set(setter->engine, fixture_item_id(0, (size_t)setter->number), name, i);
        (void)fd_engine_item_scores(setter->engine, (uint32_t)setter->number, scores);
    }
    return NULL;
}

static void many_may_set_scores_at_once(void **state) {
    struct world world;
    struct setter setters[SETTERS];
    char expected[SETTERS][16];
    (void)state;
    world_begin(&world, 1, SETTERS);
    for (int i = 0; i < SETTERS; i++) {
        setters[i] = (struct setter){.engine = world.engine, .number = i};
        (void)snprintf(expected[i], sizeof(expected[i]), "s%d=%d ", i % 4, ROUNDS);
        assert_int_equal(pthread_create(&setters[i].thread, NULL, set_often, &setters[i]), 0);
    }
    for (int i = 0; i < SETTERS; i++)
        (void)pthread_join(setters[i].thread, NULL);
    for (int restarted = 0; restarted <= 1; restarted++) {
        assert_int_equal(fd_engine_score_counts(world.engine).n, 4);
        for (uint32_t i = 0; i < SETTERS; i++)
            assert_string_equal(scores_of(world.engine, i), expected[i]);
        world_reopen(&world);
    }
    world_clear(&world);
}

static void the_project_has_versions(void **state) {
    struct world world;
    fd_project_state project;
    (void)state;
    world_begin(&world, 1, 2);
    fd_engine_project(world.engine, &project);
    assert_int_equal(project.version, 0);
    fd_project_settings settings = {.n_scores = 1, .scores = {{"judge", FD_TRUST_TRUSTED}}};
    assert_int_equal(fd_engine_project_change(world.engine, 0, &settings, "ann", &project), 0);
    assert_int_equal(project.version, 1);
    assert_int_equal(fd_engine_project_change(world.engine, 1, &settings, "bert", &project), 0);
    assert_int_equal(project.version, 1); /* nothing has changed */
    settings.scores[0].trust = FD_TRUST_INVERTED;
    assert_int_equal(fd_engine_project_change(world.engine, 0, &settings, "bert", &project),
                     -EEXIST);
    assert_int_equal(project.settings.scores[0].trust, FD_TRUST_TRUSTED);
    assert_int_equal(fd_engine_project_change(world.engine, 1, &settings, NULL, &project), 0);
    world_reopen(&world);
    fd_engine_project(world.engine, &project);
    assert_int_equal(project.version, 2);
    assert_string_equal(project.author, "");
    assert_int_equal(fd_project_settings_trust(&project.settings, "judge"), FD_TRUST_INVERTED);
    world_clear(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_set_changed_and_withdrawn_and_outlive_the_engine),
        cmocka_unit_test(the_learner_reads_rows_of_floats),
        cmocka_unit_test(a_list_is_set_as_a_whole_or_not_at_all),
        cmocka_unit_test(a_project_has_sixteen_names_of_scores),
        cmocka_unit_test(scores_come_with_items),
        cmocka_unit_test(a_failed_commit_changes_nothing),
        cmocka_unit_test(many_may_set_scores_at_once),
        cmocka_unit_test(the_project_has_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
