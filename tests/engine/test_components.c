/* The components of items: made of their embeddings once, shared by snapshots, and kept in blocks
 * from which an engine starts. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "component_blocks.h"
#include "engine_state.h"
#include "fixture.h"
#include "items.h"
#include "model_serving.h"
#include "rng.h"
#include "text_features.h"
#include "thread.h"
#include "trainer.h"
#include "training_data.h"

enum { NUMBERS = 24, COMPONENTS = 8, RESPONSES = 4, BLOCK = 2048, ID_SIZE = 32 };

/* ---- items ---- */

static void fill_embedding(size_t i, float to[NUMBERS]) {
    fd_rng rng = fd_rng_seeded(1000 + i);
    for (size_t j = 0; j < NUMBERS; j++)
        to[j] = (float)(fd_rng_normal(&rng) * (double)(1 + j % 5) + (double)j);
}

/* Adds the items from `first` to `end`; with scores a model has a column beside the components. */
static void add_items(fd_engine *engine, size_t first, size_t end, bool scores) {
    enum { AT_ONCE = 500 };
    for (size_t at = first; at < end; at += AT_ONCE) {
        static char ids[AT_ONCE][ID_SIZE], prompts[AT_ONCE][ID_SIZE];
        static float embeddings[AT_ONCE][NUMBERS];
        fd_item_row rows[AT_ONCE];
        fd_item_score values[AT_ONCE];
        size_t n = end - at < AT_ONCE ? end - at : AT_ONCE;
        for (size_t i = 0; i < n; i++) {
            (void)snprintf(ids[i], ID_SIZE, "i%zu", at + i);
            (void)snprintf(prompts[i], ID_SIZE, "p%zu", (at + i) / RESPONSES);
            fill_embedding(at + i, embeddings[i]);
            values[i] = (fd_item_score){.name = "quality", .value = (double)((at + i) % 7)};
            rows[i] = (fd_item_row){.id = ids[i],
                                    .prompt_id = prompts[i],
                                    .embedding = embeddings[i],
                                    .dimension = NUMBERS,
                                    .scores = &values[i],
                                    .n_scores = scores};
        }
        fd_added added;
        fd_fault fault = {0};
        assert_int_equal(fd_engine_items_add(engine, rows, n, &added, &fault), 0);
    }
}

static void add_labels(fd_engine *engine, size_t first, size_t end) {
    for (size_t i = first; i < end; i++) {
        char a[ID_SIZE], b[ID_SIZE];
        float one[NUMBERS], other[NUMBERS];
        fill_embedding(i * RESPONSES, one);
        fill_embedding(i * RESPONSES + 1, other);
        (void)snprintf(a, ID_SIZE, "i%zu", i * RESPONSES);
        (void)snprintf(b, ID_SIZE, "i%zu", i * RESPONSES + 1);
        assert_int_equal(
            fixture_label(engine, i, a, b, one[3] > other[3] ? FD_PREFER_A : FD_PREFER_B), 0);
    }
}

/* ---- what must hold ---- */

static bool is_near(float a, float b) {
    return fabsf(a - b) <= 1e-4f * (1.0f + fabsf(b));
}

/* Each row of components and of features is what the model makes of the item's embedding. */
static void expect_rows_of_embeddings(fd_engine *engine, size_t items) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = fd_engine_snapshot_or_null(engine);
    assert_non_null(snapshot);
    assert_int_equal(snapshot->items, items);
    const fi_model *model = snapshot->served->model;
    size_t width = fi_model_prepared_count(model), h = fi_model_feature_count(model);
    size_t embedded = h - fi_model_shape(model)->extras;
    float embedding[NUMBERS], prepared[NUMBERS], features[FI_WIDTH_MAX];
    for (size_t i = 0; i < items; i++) {
        fill_embedding(i, embedding);
        assert_int_equal(fi_model_prepare(model, 1, embedding, prepared), 0);
        assert_int_equal(fi_model_features(model, 1, embedding, NULL, features), 0);
        const float *components = fd_growing_matrix_row(snapshot->components, i);
        const float *row = fd_growing_matrix_row(snapshot->features, i);
        for (size_t j = 0; j < width; j++)
            if (!is_near(components[j], prepared[j]))
                fail_msg("component %zu of item %zu is %g, not %g", j, i, (double)components[j],
                         (double)prepared[j]);
        for (size_t j = 0; j < embedded; j++)
            if (!is_near(row[j], features[j]))
                fail_msg("feature %zu of item %zu is %g, not %g", j, i, (double)row[j],
                         (double)features[j]);
    }
}

static void world_of(struct world *world, fi_kind kind) {
    world_prepare(world);
    world->options.kind = kind;
    world->options.components = COMPONENTS;
    world->options.hidden_layers = 1;
    world->options.hidden_width = 5;
    world_open(world);
}

static void activate(fd_engine *engine, uint64_t version) {
    fd_fault fault = {0};
    assert_int_equal(fd_engine_model_activate(engine, version, &fault), 0);
}

static void rows_are_those_of_the_embeddings_whatever_serves(void **state) {
    (void)state;
    for (int c = 0; c < 4; c++) {
        bool scores = c % 2 == 1;
        fi_kind kinds[] = {c < 2 ? FI_KIND_LINEAR : FI_KIND_NETWORK,
                           c < 2 ? FI_KIND_NETWORK : FI_KIND_LINEAR};
        FD_CLEANUP(world_clear) struct world world;
        world_of(&world, kinds[0]);
        size_t items = 0;
        for (size_t i = 1; i < 700; i += i) { /* the untrained model is made again */
            add_items(world.engine, items, i, scores);
            items = i;
            expect_rows_of_embeddings(world.engine, items);
        }
        add_labels(world.engine, 0, 60);
        assert_int_equal(fixture_train(world.engine), 1);
        expect_rows_of_embeddings(world.engine, items);
        add_items(world.engine, items, items + 100, scores); /* inputs are kept */
        items += 100;
        assert_int_equal(fixture_train(world.engine), 2);
        expect_rows_of_embeddings(world.engine, items);
        world.options.kind = kinds[1];
        world_reopen(&world);
        expect_rows_of_embeddings(world.engine, items);
        assert_int_equal(fixture_train(world.engine), 3);
        expect_rows_of_embeddings(world.engine, items);
        add_items(world.engine, items, items + 1000, scores); /* inputs are not kept */
        items += 1000;
        assert_int_equal(fixture_train(world.engine), 4);
        expect_rows_of_embeddings(world.engine, items);
        activate(world.engine, 2);
        expect_rows_of_embeddings(world.engine, items);
        add_items(world.engine, items, items + 10, scores);
        items += 10;
        expect_rows_of_embeddings(world.engine, items);
        activate(world.engine, 4);
        expect_rows_of_embeddings(world.engine, items);
    }
}

/* A snapshot of a version that shares the components of the one that serves waits, while a version
 * of other inputs takes its place and items come. */
static void components_that_were_shared_are_right_when_others_served_meanwhile(void **state) {
    (void)state;
    for (int c = 0; c < 2; c++) {
        FD_CLEANUP(world_clear) struct world world;
        FD_CLEANUP(fd_training_data_clear) fd_training_data data = {0};
        FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
        fi_model *model;
        fd_model_row row;
        fd_fault fault = {0};
        world_of(&world, c == 0 ? FI_KIND_LINEAR : FI_KIND_NETWORK);
        add_items(world.engine, 0, 100, false);
        add_labels(world.engine, 0, 20);
        assert_int_equal(fixture_train(world.engine), 1);
        add_items(world.engine, 100, 300, false);
        assert_int_equal(fixture_train(world.engine), 2);
        assert_int_equal(fd_training_data_read(world.engine, &data), 0);
        assert_int_equal(fd_engine_model_copy(world.engine, 2, &row, &model, &fault), 0);
        assert_int_equal(fd_training_data_read_extras(world.engine, model, &data), 0);
        assert_int_equal(
            fd_model_snapshot_of(world.engine, &data, &model, &row, data.n_revisions, &snapshot),
            0);
        assert_true(snapshot->shares_components);
        add_items(world.engine, 300, 400, false);
        activate(world.engine, 1);
        add_items(world.engine, 400, 500, false);
        assert_int_equal(fd_model_serve_stored(world.engine, 2, snapshot, data.re_embeddings), 0);
        expect_rows_of_embeddings(world.engine, 500);
        add_items(world.engine, 500, 510, false);
        expect_rows_of_embeddings(world.engine, 510);
    }
}

/* ---- items that come during a training ---- */

static void *add_meanwhile(void *context) {
    add_items(context, 900, 3500, true);
    return NULL;
}

/* More than the writer projects itself come while other inputs are on their way. */
static void items_that_come_during_a_training_have_their_rows(void **state) {
    (void)state;
    for (int kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++) {
        FD_CLEANUP(world_clear) struct world world;
        pthread_t thread;
        fd_fault fault = {0};
        world_of(&world, (fi_kind)kind);
        add_items(world.engine, 0, 400, true);
        add_labels(world.engine, 0, 60);
        assert_int_equal(fixture_train(world.engine), 1);
        add_items(world.engine, 400, 900, true);
        for (uint64_t version = 2; version < 5; version++) {
            assert_int_equal(fd_engine_train(world.engine, FD_RETRAIN_SCRATCH, &fault), 0);
            if (version == 2)
                assert_int_equal(pthread_create(&thread, NULL, add_meanwhile, world.engine), 0);
            fd_engine_wait_trained(world.engine);
        }
        (void)pthread_join(thread, NULL);
        expect_rows_of_embeddings(world.engine, 3500);
    }
}

/* ---- blocks ---- */

struct listing {
    size_t count, damaged;
};

static int list_block(void *context, const fd_component_block *block) {
    struct listing *listing = context;
    listing->count++;
    listing->damaged += block->size < BLOCK;
    return 0;
}

static struct listing blocks_of(struct world *world) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = fd_engine_snapshot_or_null(world->engine);
    struct listing listing = {0};
    assert_int_equal(world->store->operations->component_blocks_read(
                         world->store, snapshot->served->inputs, 0, list_block, &listing),
                     0);
    return listing;
}

static void wait_for_blocks(struct world *world, size_t count) {
    double deadline = fixture_seconds() + 60;
    for (;;) {
        struct listing listing = blocks_of(world);
        if (listing.count == count && listing.damaged == 0)
            return;
        assert_true(fixture_seconds() < deadline);
        (void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

/* How many embeddings are read, by operations that take the place of the store's. */
static fd_store_operations counting;
static const fd_store_operations *counted;
static size_t vectors;

static int count_vectors(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                         void *context) {
    vectors += limit;
    return counted->vectors_read(store, first, limit, visit, context);
}

static void count_embeddings_of(struct world *world) {
    counted = world->store->operations;
    counting = *counted;
    counting.vectors_read = count_vectors;
    world->store->operations = &counting;
}

enum { TAIL = 300, ITEMS = 2 * BLOCK + TAIL };

static void start_with_blocks(struct world *world, bool scores) {
    world_of(world, FI_KIND_LINEAR);
    count_embeddings_of(world);
    add_items(world->engine, 0, ITEMS, scores);
    add_labels(world->engine, 0, 60);
    assert_int_equal(fixture_train(world->engine), 1);
    wait_for_blocks(world, 2);
}

static void a_start_reads_the_embeddings_of_the_tail_alone(void **state) {
    (void)state;
    for (int scores = 0; scores < 2; scores++) {
        FD_CLEANUP(world_clear) struct world world;
        start_with_blocks(&world, scores);
        vectors = 0;
        world_reopen(&world);
        assert_int_equal(vectors, TAIL);
        expect_rows_of_embeddings(world.engine, ITEMS);
        add_items(world.engine, ITEMS, ITEMS + BLOCK, scores);
        wait_for_blocks(&world, 3);
        vectors = 0;
        world_reopen(&world);
        assert_int_equal(vectors, TAIL);
        expect_rows_of_embeddings(world.engine, ITEMS + BLOCK);
    }
}

static void write_block(struct world *world, uint32_t number, const void *bytes, size_t size) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = fd_engine_snapshot_or_null(world->engine);
    const fd_component_block block = {snapshot->served->inputs, number, bytes, size};
    fd_engine_close(world->engine);
    assert_int_equal(world->store->operations->begin(world->store), 0);
    assert_int_equal(world->store->operations->component_block_write(world->store, &block), 0);
    assert_int_equal(world->store->operations->commit(world->store), 0);
    world_open(world);
}

static int copy_first(void *context, const fd_component_block *block) {
    fd_component_block *copy = context;
    void *bytes = malloc(block->size);
    assert_non_null(bytes);
    copy->bytes = memcpy(bytes, block->bytes, block->size);
    copy->size = block->size;
    return 7;
}

/* Too short, of another number, and with a bit that is not what it was. */
static void a_damaged_block_is_made_again(void **state) {
    (void)state;
    for (int c = 0; c < 3; c++) {
        FD_CLEANUP(world_clear) struct world world;
        fd_component_block first = {0};
        start_with_blocks(&world, false);
        {
            FD_CLEANUP(fd_snapshot_freep)
            fd_snapshot *snapshot = fd_engine_snapshot_or_null(world.engine);
            assert_int_equal(world.store->operations->component_blocks_read(
                                 world.store, snapshot->served->inputs, 0, copy_first, &first),
                             7);
        }
        if (c == 2)
            ((char *)first.bytes)[first.size / 2] ^= 1;
        vectors = 0;
        write_block(&world, c == 1, first.bytes, c == 0 ? 100 : first.size);
        assert_int_equal(vectors, BLOCK + TAIL);
        expect_rows_of_embeddings(world.engine, ITEMS);
        free((void *)first.bytes);
        wait_for_blocks(&world, 2);
        double deadline = fixture_seconds() + 60;
        do { /* until the block was written again */
            (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
            vectors = 0;
            world_reopen(&world);
            assert_true(fixture_seconds() < deadline);
        } while (vectors != TAIL);
        expect_rows_of_embeddings(world.engine, ITEMS);
    }
}

static void blocks_of_inputs_that_do_not_serve_are_deleted(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    char before[FD_INPUTS_NAME_SIZE];
    start_with_blocks(&world, false);
    {
        FD_CLEANUP(fd_snapshot_freep)
        fd_snapshot *snapshot = fd_engine_snapshot_or_null(world.engine);
        memcpy(before, snapshot->served->inputs, sizeof(before));
    }
    add_items(world.engine, ITEMS, 2 * ITEMS, false);
    assert_int_equal(fixture_train(world.engine), 2);
    wait_for_blocks(&world, 2 * ITEMS / BLOCK);
    struct listing listing;
    double deadline = fixture_seconds() + 60;
    do {
        listing = (struct listing){0};
        assert_int_equal(world.store->operations->component_blocks_read(world.store, before, 0,
                                                                        list_block, &listing),
                         0);
        assert_true(fixture_seconds() < deadline);
    } while (listing.count > 0);
    vectors = 0;
    world_reopen(&world);
    assert_int_equal(vectors, 2 * ITEMS % BLOCK);
    expect_rows_of_embeddings(world.engine, 2 * ITEMS);
}

/* ---- cosines ---- */

static void add_texts(fd_engine *engine, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char id[ID_SIZE], prompt[ID_SIZE];
        float embedding[NUMBERS];
        fd_added added;
        fd_fault fault = {0};
        (void)snprintf(id, ID_SIZE, "i%zu", i);
        (void)snprintf(prompt, ID_SIZE, "p%zu", i / RESPONSES);
        fill_embedding(i, embedding);
        const fd_item_row row = {.id = id,
                                 .prompt_id = prompt,
                                 .prompt = prompt,
                                 .response = i % 3 == 0 ? NULL : id,
                                 .embedding = embedding,
                                 .dimension = NUMBERS};
        assert_int_equal(fd_engine_items_add(engine, &row, 1, &added, &fault), 0);
    }
}

static fd_growing_matrix *take_texts(fd_engine *engine) {
    FD_READ_LOCKED(&engine->state_lock);
    return fd_growing_matrix_reference(engine->text_features);
}

static void expect_cosines(fd_engine *engine, size_t n) {
    FD_CLEANUP(fd_growing_matrix_freep) fd_growing_matrix *texts = take_texts(engine);
    for (size_t i = 0; i < n; i++) {
        float embedding[NUMBERS], found = fd_growing_matrix_row(texts, i)[FD_TEXT_COSINE];
        fill_embedding(i, embedding);
        float expected = i % 3 == 0 ? NAN : (float)fd_text_cosine(embedding, NUMBERS, NUMBERS / 2);
        if (!(isnan(expected) ? isnan(found) : found == expected))
            fail_msg("the cosine of item %zu is %g, not %g", i, (double)found, (double)expected);
    }
}

/* Writes the first block once more, as it was before the texts of its items were counted. */
static void forget_cosines(struct world *world) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = fd_engine_snapshot_or_null(world->engine);
    FD_CLEANUP(fd_growing_matrix_freep) fd_growing_matrix *texts = NULL;
    FD_FREE void *bytes = NULL;
    size_t size;
    const fd_served_model *served = snapshot->served;
    fd_block_layout layout = fd_block_layout_of(world->engine, served->model, served->inputs);
    assert_true(layout.has_cosines);
    assert_int_equal(fd_growing_matrix_new(FD_TEXT_FEATURES, BLOCK, &texts), 0);
    for (size_t i = 0; i < (size_t)BLOCK * FD_TEXT_FEATURES; i++)
        texts->data[i] = NAN;
    assert_int_equal(
        fd_component_block_make(&layout, 0, snapshot->components, texts, &bytes, &size), 0);
    const fd_component_block block = {layout.name, 0, bytes, size};
    fd_engine_close(world->engine);
    assert_int_equal(world->store->operations->begin(world->store), 0);
    assert_int_equal(world->store->operations->component_block_write(world->store, &block), 0);
    assert_int_equal(world->store->operations->commit(world->store), 0);
    world_open(world);
}

static void wait_for_cosine_block(struct world *world) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = fd_engine_snapshot_or_null(world->engine);
    const fd_served_model *served = snapshot->served;
    fd_block_layout layout = fd_block_layout_of(world->engine, served->model, served->inputs);
    struct listing listing = {0};
    double deadline = fixture_seconds() + 60;
    while (listing.count == 0) {
        assert_int_equal(world->store->operations->component_blocks_read(world->store, layout.name,
                                                                         0, list_block, &listing),
                         0);
        assert_true(fixture_seconds() < deadline);
    }
}

static void a_start_knows_the_cosines_of_prompts_and_responses(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) struct world world;
    world_prepare(&world);
    world.options.kind = FI_KIND_LINEAR;
    world.options.components = COMPONENTS;
    world.options.text_features = true;
    world.options.prompt_dimension = NUMBERS / 2;
    world_open(&world);
    count_embeddings_of(&world);
    add_texts(world.engine, BLOCK + TAIL);
    expect_cosines(world.engine, BLOCK + TAIL);
    world_reopen(&world); /* an untrained model serves */
    expect_cosines(world.engine, BLOCK + TAIL);
    add_labels(world.engine, 0, 60);
    assert_int_equal(fixture_train(world.engine), 1);
    wait_for_cosine_block(&world);
    vectors = 0;
    world_reopen(&world);
    assert_int_equal(vectors, 2 * TAIL); /* of components and of cosines */
    expect_cosines(world.engine, BLOCK + TAIL);
    expect_rows_of_embeddings(world.engine, BLOCK + TAIL);
    forget_cosines(&world);
    expect_cosines(world.engine, BLOCK + TAIL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_those_of_the_embeddings_whatever_serves),
        cmocka_unit_test(components_that_were_shared_are_right_when_others_served_meanwhile),
        cmocka_unit_test(items_that_come_during_a_training_have_their_rows),
        cmocka_unit_test(a_start_reads_the_embeddings_of_the_tail_alone),
        cmocka_unit_test(a_damaged_block_is_made_again),
        cmocka_unit_test(blocks_of_inputs_that_do_not_serve_are_deleted),
        cmocka_unit_test(a_start_knows_the_cosines_of_prompts_and_responses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
