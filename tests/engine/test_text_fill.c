/* The text features of items in the engine: counted when items come, and later for older ones. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine_state.h"
#include "fixture.h"
#include "item_lookup.h"
#include "item_text_features.h"
#include "items.h"
#include "thread.h"

enum { ITEMS = 3000, TEXT_SIZE = 64 };

/* Every fifth has no prompt. */
static fd_item_row make_item(size_t i, char *texts, float *embedding) {
    char *id = texts, *prompt = texts + TEXT_SIZE, *response = texts + 2 * (size_t)TEXT_SIZE;
    (void)snprintf(id, TEXT_SIZE, "i%zu", i);
    (void)snprintf(prompt, TEXT_SIZE, "prompt %zu", i / 4);
    (void)snprintf(response, TEXT_SIZE, "Response %zu to prompt %zu.\n- %0*d", i, i / 4,
                   (int)(i % 20) + 1, 0);
    for (size_t j = 0; j < DIMENSION; j++)
        embedding[j] = (float)((i * 7 + j * 3) % 11) - 5;
    return (fd_item_row){.id = id,
                         .prompt_id = prompt,
                         .prompt = i % 5 == 4 ? NULL : prompt,
                         .response = response,
                         .embedding = embedding,
                         .dimension = DIMENSION};
}

/* As a program that knew nothing of text features would have stored them. */
static void store_items(fd_store *store, size_t n) {
    assert_int_equal(store->operations->begin(store), 0);
    for (size_t i = 0; i < n; i++) {
        char texts[3 * TEXT_SIZE];
        float embedding[DIMENSION];
        uint32_t index;
        fd_added added;
        fd_item_row row = make_item(i, texts, embedding);
        assert_int_equal(store->operations->items_add(store, &row, 1, &index, &added), 0);
    }
    assert_int_equal(store->operations->commit(store), 0);
}

static void expected_features(size_t i, size_t prompt_dimension, float ret[FD_TEXT_FEATURES]) {
    FD_CLEANUP(fd_text_extractor_freep) fd_text_extractor *extractor = NULL;
    char texts[3 * TEXT_SIZE];
    float embedding[DIMENSION];
    double values[FD_TEXT_FEATURES];
    fd_item_row row = make_item(i, texts, embedding);
    assert_int_equal(fd_text_extractor_new(&extractor), 0);
    assert_int_equal(fd_text_features(extractor, row.prompt, row.prompt ? strlen(row.prompt) : 0,
                                      row.response, strlen(row.response), values),
                     0);
    for (size_t j = 0; j < FD_TEXT_FEATURES; j++)
        ret[j] = (float)values[j];
    if (row.prompt)
        ret[FD_TEXT_COSINE] = (float)fd_text_cosine(embedding, DIMENSION, prompt_dimension);
}

static fd_growing_matrix *take_matrix(fd_engine *engine) {
    FD_READ_LOCKED(&engine->state_lock);
    return fd_growing_matrix_reference(engine->text_features);
}

static void expect_all(fd_engine *engine, size_t n, size_t prompt_dimension) {
    FD_CLEANUP(fd_growing_matrix_freep) fd_growing_matrix *matrix = take_matrix(engine);
    for (size_t i = 0; i < n; i++) {
        float expected[FD_TEXT_FEATURES];
        const float *found = fd_growing_matrix_row(matrix, i);
        expected_features(i, prompt_dimension, expected);
        for (size_t j = 0; j < FD_TEXT_FEATURES; j++)
            if (!(isnan(expected[j]) ? isnan(found[j]) : found[j] == expected[j]))
                fail_msg("%s of item %zu is %g, not %g", fd_text_feature_name(j), i,
                         (double)found[j], (double)expected[j]);
    }
}

struct stored {
    size_t current;
    size_t others;
};

static int count_stored(void *context, const fd_item_row *row) {
    struct stored *stored = context;
    stored->current += fd_item_has_text_features(row);
    stored->others += row->text_features.values && !fd_item_has_text_features(row);
    return 0;
}

static struct stored stored_in(fd_store *store) {
    struct stored stored = {0};
    assert_int_equal(
        store->operations->items_read(store, 0, SIZE_MAX, false, count_stored, &stored), 0);
    return stored;
}

static void pause_a_moment(void) {
    (void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

/* Waits until the last of n items has been shown with its features. */
static void wait_for_item(fd_engine *engine, size_t item) {
    double deadline = fixture_seconds() + 60;
    for (;;) {
        FD_CLEANUP(fd_growing_matrix_freep) fd_growing_matrix *matrix = take_matrix(engine);
        if (!isnan(fd_growing_matrix_row(matrix, item)[0]))
            return;
        assert_true(fixture_seconds() < deadline);
        pause_a_moment();
    }
}

static const size_t with_texts = ITEMS - ITEMS / 5;

static void add_new_item(fd_engine *engine, size_t i) {
    char texts[3 * TEXT_SIZE];
    float embedding[DIMENSION];
    fd_item_row row = make_item(i, texts, embedding);
    fd_added added;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_items_add(engine, &row, 1, &added, &fault), 0);
    assert_int_equal(added.created, 1);
}

static void features_come_with_new_items_and_after_a_restart(void **state) {
    (void)state;
    struct world world;
    world_prepare(&world);
    world_open(&world);
    for (size_t i = 0; i < 20; i++)
        add_new_item(world.engine, i);
    expect_all(world.engine, 20, 0);
    assert_int_equal(stored_in(world.store).current, 16);
    world_reopen(&world);
    expect_all(world.engine, 20, 0);
    world_clear(&world);
}

static void the_cosine_follows_the_option(void **state) {
    (void)state;
    struct world world;
    world_prepare(&world);
    world.options.prompt_dimension = DIMENSION / 2;
    world_open(&world);
    for (size_t i = 0; i < 20; i++)
        add_new_item(world.engine, i);
    expect_all(world.engine, 20, DIMENSION / 2);
    world_reopen(&world);
    expect_all(world.engine, 20, DIMENSION / 2);
    world.options.prompt_dimension = 0;
    world_reopen(&world);
    expect_all(world.engine, 20, 0);
    world_clear(&world);
}

static void items_of_an_older_database_get_theirs_after_the_start(void **state) {
    (void)state;
    struct world world;
    world_prepare(&world);
    store_items(world.store, ITEMS);
    world_open(&world);
    /* Answers and new items do not wait, and get what is theirs. */
    assert_int_equal(fixture_label(world.engine, 1, "i0", "i1", FD_PREFER_A), 0);
    for (size_t i = 0; i < 10; i++)
        add_new_item(world.engine, ITEMS + i);
    wait_for_item(world.engine, ITEMS - 2);
    expect_all(world.engine, ITEMS + 10, 0);
    assert_int_equal(stored_in(world.store).current, with_texts + 8);
    world_reopen(&world);
    expect_all(world.engine, ITEMS + 10, 0);
    world_clear(&world);
}

static void a_start_continues_where_the_last_one_ended(void **state) {
    (void)state;
    struct world world;
    size_t before = 0, starts = 0;
    world_prepare(&world);
    store_items(world.store, ITEMS);
    while (before < with_texts && ++starts < 1000) {
        world_open(&world);
        while (stored_in(world.store).current == before)
            pause_a_moment();
        fd_engine_close(world.engine);
        world.engine = NULL;
        assert_true(stored_in(world.store).current > before);
        before = stored_in(world.store).current;
    }
    world_open(&world);
    expect_all(world.engine, ITEMS, 0);
    world_clear(&world);
}

static void features_of_another_version_are_counted_again(void **state) {
    (void)state;
    static const float old[FD_TEXT_FEATURES + 1] = {42};
    struct world world;
    world_prepare(&world);
    store_items(world.store, 8);
    fd_text_features_row rows[] = {
        {0, FD_TEXT_FEATURES_VERSION + 1, FD_TEXT_FEATURES, old},
        {2, FD_TEXT_FEATURES_VERSION, FD_TEXT_FEATURES + 1, old},
        {7, FD_TEXT_FEATURES_VERSION + 1, 0, old},
    };
    assert_int_equal(world.store->operations->begin(world.store), 0);
    assert_int_equal(world.store->operations->text_features_write(world.store, rows, 3), 0);
    assert_int_equal(world.store->operations->commit(world.store), 0);
    assert_int_equal(stored_in(world.store).others, 3);
    world_open(&world);
    wait_for_item(world.engine, 7);
    expect_all(world.engine, 8, 0);
    assert_int_equal(stored_in(world.store).others, 0);
    world_clear(&world);
}

static void nothing_is_counted_when_the_option_is_off(void **state) {
    (void)state;
    struct world world;
    world_prepare(&world);
    world.options.text_features = false;
    store_items(world.store, 8);
    world_open(&world);
    add_new_item(world.engine, 8);
    FD_CLEANUP(fd_growing_matrix_freep) fd_growing_matrix *matrix = take_matrix(world.engine);
    for (size_t i = 0; i < 9; i++)
        assert_true(isnan(fd_growing_matrix_row(matrix, i)[FD_TEXT_LOG_LENGTH]));
    assert_int_equal(stored_in(world.store).current, 0);
    world.options.text_features = true;
    world_reopen(&world);
    wait_for_item(world.engine, 8);
    expect_all(world.engine, 9, 0);
    world_clear(&world);
}

static void a_store_that_fails_for_a_while_gets_them_later(void **state) {
    (void)state;
    fd_engine_options options = fixture_options();
    fd_store *store = fixture_faulty_store();
    store_items(store, 8);
    fixture_fail_commits(store, 1, 1, -ENOSPC);
    fd_engine *engine = fixture_open(&options, store);
    wait_for_item(engine, 7);
    expect_all(engine, 8, 0);
    double deadline = fixture_seconds() + 60;
    while (stored_in(store).current < 7 && fixture_seconds() < deadline)
        pause_a_moment();
    assert_int_equal(stored_in(store).current, 7);
    fd_engine_close(engine);
}

static void rows_that_a_reader_holds_do_not_change(void **state) {
    (void)state;
    struct world world;
    world_prepare(&world);
    store_items(world.store, 8);
    world_open(&world);
    FD_CLEANUP(fd_growing_matrix_freep) fd_growing_matrix *matrix = take_matrix(world.engine);
    bool was_missing = isnan(fd_growing_matrix_row(matrix, 7)[0]);
    wait_for_item(world.engine, 7);
    assert_int_equal(isnan(fd_growing_matrix_row(matrix, 7)[0]), was_missing);
    world_clear(&world);
}

static void inline_items_have_features_and_a_prompt_where_they_are_given(void **state) {
    (void)state;
    struct world world;
    world_prepare(&world);
    world.options.prompt_dimension = DIMENSION / 2;
    world_open(&world);
    for (size_t i = 0; i < 8; i++)
        add_new_item(world.engine, i);
    char texts[3 * TEXT_SIZE];
    float embedding[DIMENSION];
    fd_item_row row = make_item(2, texts, embedding);
    const fd_inline_texts both = {row.prompt, row.response, "prompt 1"};
    const fd_inline_texts half = {NULL, row.response, "nowhere"};
    const fd_item_reference references[] = {
        {.embedding = embedding, .dimension = DIMENSION, .texts = &half},
        {.id = "i1"},
        {.embedding = embedding, .dimension = DIMENSION, .texts = &both},
        {.embedding = embedding, .dimension = DIMENSION},
    };
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    FD_CLEANUP(fd_item_rows_clear) fd_item_rows found = {0};
    fd_fault fault = {0};
    assert_int_equal(fd_engine_snapshot(world.engine, &snapshot, &fault), 0);
    assert_int_equal(fd_item_lookup(world.engine, snapshot, "items", NULL, 1, references,
                                    FD_LENGTH(references), &found, &fault),
                     0);
    assert_int_equal(found.n_extra, 3);
    float expected[FD_TEXT_FEATURES];
    expected_features(2, DIMENSION / 2, expected);
    assert_memory_equal(found.extra_text_features + FD_TEXT_FEATURES, expected, sizeof(expected));
    assert_true(expected[FD_TEXT_COSINE] != 0);
    for (size_t j = 0; j < FD_TEXT_FEATURES; j++)
        assert_true(isnan(found.extra_text_features[j]) &&
                    isnan(found.extra_text_features[2 * FD_TEXT_FEATURES + j]));
    assert_int_equal(found.extra_prompts[0], FI_NO_GROUP);
    assert_int_equal(found.extra_prompts[1], 1);
    assert_int_equal(found.extra_prompts[2], FI_NO_GROUP);
    fd_snapshot_free(FD_STEAL(snapshot));
    world_clear(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_come_with_new_items_and_after_a_restart),
        cmocka_unit_test(the_cosine_follows_the_option),
        cmocka_unit_test(items_of_an_older_database_get_theirs_after_the_start),
        cmocka_unit_test(a_start_continues_where_the_last_one_ended),
        cmocka_unit_test(features_of_another_version_are_counted_again),
        cmocka_unit_test(nothing_is_counted_when_the_option_is_off),
        cmocka_unit_test(a_store_that_fails_for_a_while_gets_them_later),
        cmocka_unit_test(rows_that_a_reader_holds_do_not_change),
        cmocka_unit_test(inline_items_have_features_and_a_prompt_where_they_are_given),
    };
    return cmocka_run_group_tests_name("text fill", tests, NULL, NULL);
}
