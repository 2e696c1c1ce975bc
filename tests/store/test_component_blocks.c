/* Blocks of components in the store, and reading embeddings alone. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends.h"

static void write_block(fd_store *store, const char *inputs, uint32_t block, const char *bytes) {
    const fd_component_block row = {inputs, block, bytes, strlen(bytes)};
    assert_int_equal(store->operations->component_block_write(store, &row), 0);
}

static int append(void *context, const fd_component_block *block) {
    char *text = context;
    size_t length = strlen(text);
    (void)snprintf(text + length, 200 - length, "%u:%.*s ", block->block, (int)block->size,
                   (const char *)block->bytes);
    return 0;
}

static const char *read_blocks(fd_store *store, const char *inputs, uint32_t first) {
    static char text[200];
    memset(text, 0, sizeof(text));
    assert_int_equal(store->operations->component_blocks_read(store, inputs, first, append, text),
                     0);
    return text;
}

static void blocks_are_read_in_order_by_their_inputs(void **state) {
    fd_store *store = backend_of(state);
    fixture_begin(store);
    write_block(store, "one", 2, "c");
    write_block(store, "one", 0, "a");
    write_block(store, "two", 0, "x");
    write_block(store, "one", 1, "b");
    assert_string_equal(read_blocks(store, "one", 0), "");
    fixture_commit(store);
    assert_string_equal(read_blocks(store, "one", 0), "0:a 1:b 2:c ");
    assert_string_equal(read_blocks(store, "one", 2), "2:c ");
    assert_string_equal(read_blocks(store, "two", 0), "0:x ");
    assert_string_equal(read_blocks(store, "three", 0), "");
    fixture_check(store);
}

static void a_block_takes_the_place_of_the_one_before(void **state) {
    fd_store *store = backend_of(state);
    fixture_begin(store);
    write_block(store, "one", 0, "a");
    fixture_commit(store);
    fixture_begin(store);
    write_block(store, "one", 0, "longer");
    store->operations->rollback(store);
    assert_string_equal(read_blocks(store, "one", 0), "0:a ");
    fixture_begin(store);
    write_block(store, "one", 0, "longer");
    fixture_commit(store);
    assert_string_equal(read_blocks(store, "one", 0), "0:longer ");
}

static size_t prune(fd_store *store, const char *inputs, size_t limit) {
    size_t deleted = 0;
    fixture_begin(store);
    assert_int_equal(store->operations->component_blocks_prune(store, inputs, limit, &deleted), 0);
    fixture_commit(store);
    return deleted;
}

static void blocks_of_other_inputs_are_deleted_some_at_a_time(void **state) {
    fd_store *store = backend_of(state);
    fixture_begin(store);
    for (uint32_t i = 0; i < 3; i++) {
        write_block(store, "old", i, "x");
        write_block(store, "new", i, "y");
    }
    fixture_commit(store);
    assert_int_equal(prune(store, "new", 2), 2);
    assert_int_equal(prune(store, "new", 2), 1);
    assert_int_equal(prune(store, "new", 2), 0);
    assert_string_equal(read_blocks(store, "old", 0), "");
    assert_string_equal(read_blocks(store, "new", 0), "0:y 1:y 2:y ");
}

static int stop_at_once(void *context, const fd_component_block *block) {
    (void)context;
    (void)block;
    return 7;
}

static void a_visit_ends_the_reading_of_blocks(void **state) {
    fd_store *store = backend_of(state);
    fixture_begin(store);
    write_block(store, "one", 0, "a");
    fixture_commit(store);
    assert_int_equal(store->operations->component_blocks_read(store, "one", 0, stop_at_once, NULL),
                     7);
}

/* ---- embeddings ---- */

struct vectors {
    size_t seen;
    uint32_t first;
};

static int expect_vector(void *context, const fd_item_row *row) {
    struct vectors *vectors = context;
    assert_int_equal(row->index, vectors->first + vectors->seen++);
    assert_int_equal(row->dimension, 2);
    assert_true(row->embedding[0] == (float)row->index && row->embedding[1] == -1.0f);
    return 0;
}

static int expect_no_vector(void *context, const fd_item_row *row) {
    size_t *seen = context;
    assert_null(row->embedding);
    assert_int_equal(row->dimension, 2);
    assert_int_equal(row->index, (*seen)++);
    return 0;
}

static void embeddings_are_read_alone_and_items_without_them(void **state) {
    static const struct {
        uint32_t first;
        size_t limit, seen;
    } cases[] = {{0, SIZE_MAX, 5}, {1, 3, 3}, {4, 9, 1}, {5, 9, 0}, {0, 0, 0}};
    fd_store *store = backend_of(state);
    fd_item_row rows[5];
    float embeddings[5][2];
    static const char *const ids[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < 5; i++) {
        embeddings[i][0] = (float)i;
        embeddings[i][1] = -1.0f;
        rows[i] = fixture_item(ids[i]);
        rows[i].embedding = embeddings[i];
        rows[i].dimension = 2;
    }
    assert_int_equal(fixture_add_items(store, rows, 5).created, 5);
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        struct vectors vectors = {.first = cases[i].first};
        assert_int_equal(store->operations->vectors_read(store, cases[i].first, cases[i].limit,
                                                         expect_vector, &vectors),
                         0);
        assert_int_equal(vectors.seen, cases[i].seen);
    }
    size_t seen = 0;
    assert_int_equal(
        store->operations->items_read(store, 0, SIZE_MAX, false, expect_no_vector, &seen), 0);
    assert_int_equal(seen, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SQLITE(blocks_are_read_in_order_by_their_inputs),
        ON_POSTGRES(blocks_are_read_in_order_by_their_inputs),
        ON_MEMORY(blocks_are_read_in_order_by_their_inputs),
        ON_SQLITE(a_block_takes_the_place_of_the_one_before),
        ON_POSTGRES(a_block_takes_the_place_of_the_one_before),
        ON_MEMORY(a_block_takes_the_place_of_the_one_before),
        ON_SQLITE(blocks_of_other_inputs_are_deleted_some_at_a_time),
        ON_POSTGRES(blocks_of_other_inputs_are_deleted_some_at_a_time),
        ON_MEMORY(blocks_of_other_inputs_are_deleted_some_at_a_time),
        ON_SQLITE(a_visit_ends_the_reading_of_blocks),
        ON_POSTGRES(a_visit_ends_the_reading_of_blocks),
        ON_MEMORY(a_visit_ends_the_reading_of_blocks),
        ON_SQLITE(embeddings_are_read_alone_and_items_without_them),
        ON_POSTGRES(embeddings_are_read_alone_and_items_without_them),
        ON_MEMORY(embeddings_are_read_alone_and_items_without_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
