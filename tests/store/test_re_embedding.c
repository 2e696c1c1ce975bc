/* Vectors of another embedder take the place of those that serve. */
#include <errno.h>
#include <string.h>

#include "backends.h"
#include "database.h"
#include "postgres_schema.h"
#include "postgres_store.h"
#include "re_embedding.h"

enum { ITEMS = 3, NUMBERS = 2 };

static const float probes[] = {1, 2};
static const fd_embedder_row another = {"b", "{response}", NUMBERS, 1, probes, 1700000000002};
static const float vectors[ITEMS][NUMBERS] = {{1, 2}, {3, 4}, {5, 6}};

static fd_re_embedding counts_of(fd_store *store) {
    fd_re_embedding counts;
    assert_int_equal(fd_re_embedding_read(store, &counts), 0);
    return counts;
}

static void add(fd_store *store, uint32_t first, size_t n) {
    uint32_t items[ITEMS];
    for (size_t i = 0; i < n; i++)
        items[i] = first + (uint32_t)i;
    assert_int_equal(fd_re_embedding_add(store, items, n, vectors[first], NUMBERS), 0);
}

static int count_numbers(void *context, const fd_item_row *row) {
    size_t *numbers = context;
    *numbers += row->dimension;
    return 0;
}

static size_t numbers_of(fd_store *store) {
    size_t numbers = 0;
    assert_int_equal(
        store->operations->items_read(store, 0, SIZE_MAX, false, count_numbers, &numbers), 0);
    return numbers;
}

static int note_missing(void *context, const fd_item_row *row) {
    uint32_t *bits = context;
    *bits |= 1U << row->index;
    return 0;
}

static void assert_missing(fd_store *store, uint32_t first, uint32_t expected) {
    uint32_t bits = 0;
    assert_int_equal(fd_re_embedding_missing(store, first, SIZE_MAX, note_missing, &bits), 0);
    assert_int_equal(bits, expected);
}

static int note_vector(void *context, const fd_item_row *row) {
    uint32_t *next = context;
    assert_int_equal(row->index, *next);
    assert_int_equal(row->dimension, NUMBERS);
    assert_memory_equal(row->embedding, vectors[row->index], sizeof(vectors[0]));
    ++*next;
    return 0;
}

static void assert_vectors(fd_store *store, uint32_t first, uint32_t end) {
    uint32_t next = first;
    assert_int_equal(fd_re_embedding_vectors(store, first, 2, note_vector, &next), 0);
    assert_int_equal(next, end);
}

static int note_model(void *context, const fd_model_row *row) {
    *(fd_model_row *)context = *row;
    return 0;
}

static fd_model_row model_of(fd_store *store) {
    fd_model_row row = {0};
    assert_int_equal(store->operations->models_read(store, 1000, 1, false, note_model, &row), 0);
    return row;
}

static void the_old_vectors_serve_until_each_item_has_a_new_one(void **state) {
    fd_store *store = backend_of(state);
    database_fill(store);
    size_t before = numbers_of(store);
    assert_false(counts_of(store).is_begun);
    assert_int_equal(fd_re_embedding_begin(store, &another), 0);
    assert_true(counts_of(store).is_begun);
    assert_missing(store, 0, 7);
    add(store, 0, 2);
    assert_missing(store, 0, 4);
    assert_missing(store, 3, 0);
    assert_vectors(store, 0, 2);
    assert_vectors(store, 1, 2);
    assert_int_equal(counts_of(store).made, 2);
    assert_int_equal(fd_re_embedding_switch(store), -EAGAIN);
    assert_int_equal(numbers_of(store), before);
    assert_false(model_of(store).is_foreign);
    add(store, 2, 1);
    assert_int_equal(numbers_of(store), before);
    assert_int_equal(fd_re_embedding_switch(store), 0);
    assert_int_equal(numbers_of(store), ITEMS * NUMBERS);
    assert_vectors(store, 0, 0); /* none is coming any more, and none can be added */
    assert_int_equal(fd_re_embedding_add(store, (uint32_t[]){0}, 1, vectors[0], NUMBERS), -EINVAL);
    assert_true(model_of(store).is_foreign);
    assert_int_equal(model_of(store).state, FD_MODEL_REJECTED);
    assert_int_equal(counts_of(store).left, ITEMS);
    assert_false(counts_of(store).is_begun);
    fixture_check(store);
}

static void an_item_that_comes_meanwhile_is_missing_too(void **state) {
    fd_store *store = backend_of(state);
    database_fill(store);
    assert_int_equal(fd_re_embedding_begin(store, &another), 0);
    add(store, 0, ITEMS);
    fd_item_row later = fixture_item("later");
    (void)fixture_add_items(store, &later, 1);
    assert_missing(store, 0, 8);
    assert_int_equal(fd_re_embedding_switch(store), -EAGAIN);
}

static void what_is_left_over_is_deleted_some_at_a_time(void **state) {
    fd_store *store = backend_of(state);
    uint64_t deleted;
    database_fill(store);
    assert_int_equal(fd_re_embedding_begin(store, &another), 0);
    add(store, 0, ITEMS);
    assert_int_equal(fd_re_embedding_clean(store, 2, &deleted), 0);
    assert_int_equal(deleted, 0); /* neither what serves nor what is to come */
    assert_int_equal(fd_re_embedding_begin(store, &another), 0);
    assert_int_equal(counts_of(store).left, ITEMS);
    assert_missing(store, 0, 7);
    assert_int_equal(fd_re_embedding_clean(store, 2, &deleted), 0);
    assert_int_equal(deleted, 2);
    assert_int_equal(fd_re_embedding_clean(store, 2, &deleted), 0);
    assert_int_equal(deleted, 1);
    assert_int_equal(counts_of(store).left, 0);
    add(store, 0, 1);
    assert_int_equal(fd_re_embedding_abandon(store), 0);
    assert_false(counts_of(store).is_begun);
    assert_int_equal(counts_of(store).left, 1);
    fixture_check(store);
}

static void what_cannot_be_added_leaves_the_transaction_as_it_was(void **state) {
    static const uint32_t items[] = {1, 0};
    fd_store *store = backend_of(state);
    database_fill(store);
    assert_int_equal(fd_re_embedding_begin(store, &another), 0);
    add(store, 0, 1);
    fixture_begin(store);
    assert_int_equal(store->re_embedding->add(store, items, 2, vectors[0], NUMBERS), -EINVAL);
    fixture_commit(store);
    assert_missing(store, 0, 6);
}

/* ---- replicas ---- */

static fd_store *replica_open(const char *url) {
    fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_postgres(url, &store, &fault), 0);
    return store;
}

static int take_item(void *context, const fd_item_row *row) {
    assert_int_equal(row->dimension, NUMBERS);
    ++*(size_t *)context;
    return 0;
}

static int ignore_label(void *context, const fd_label_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int ignore_model(void *context, const fd_model_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int take_another(void *context, const fd_embedder_row *row) {
    (void)context;
    assert_string_equal(row->name, another.name);
    return 0;
}

static int catch_up(fd_store *store, size_t *ret_items) {
    static const fd_change_visits visits = {
        .item = take_item, .embedder = take_another, .label = ignore_label, .model = ignore_model};
    *ret_items = 0;
    return store->replicas->catch_up(store, &visits, ret_items);
}

static void a_replica_that_knows_the_old_vectors_cannot_go_on(void **state) {
    (void)state;
    const char *url = postgres_schema_new();
    size_t items;
    if (!url)
        skip();
    FD_CLEANUP(fd_store_closep) fd_store *one = replica_open(url);
    FD_CLEANUP(fd_store_closep) fd_store *other = replica_open(url);
    database_fill(one);
    assert_int_equal(fd_re_embedding_begin(one, &another), 0);
    add(one, 0, ITEMS);
    assert_int_equal(fd_re_embedding_switch(one), 0);
    assert_int_equal(catch_up(other, &items), 0);
    assert_int_equal(items, ITEMS);
    assert_int_equal(catch_up(one, &items), 0);
    assert_int_equal(fd_re_embedding_begin(one, &another), 0);
    assert_int_equal(other->operations->begin(other),
                     0); /* what is only begun changes nothing for it */
    assert_int_equal(catch_up(other, &items), 0);
    other->operations->rollback(other);
    add(one, 0, ITEMS);
    assert_int_equal(fd_re_embedding_switch(one), 0);
    assert_int_equal(catch_up(one, &items), 0);
    assert_int_equal(catch_up(other, &items), -ESTALE);
    assert_int_equal(other->operations->begin(other), 0);
    assert_int_equal(catch_up(other, &items), -ESTALE);
    other->operations->rollback(other);
    assert_int_equal(items, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SQLITE(the_old_vectors_serve_until_each_item_has_a_new_one),
        ON_POSTGRES(the_old_vectors_serve_until_each_item_has_a_new_one),
        ON_SQLITE(an_item_that_comes_meanwhile_is_missing_too),
        ON_POSTGRES(an_item_that_comes_meanwhile_is_missing_too),
        ON_SQLITE(what_is_left_over_is_deleted_some_at_a_time),
        ON_POSTGRES(what_is_left_over_is_deleted_some_at_a_time),
        ON_SQLITE(what_cannot_be_added_leaves_the_transaction_as_it_was),
        ON_POSTGRES(what_cannot_be_added_leaves_the_transaction_as_it_was),
        cmocka_unit_test(a_replica_that_knows_the_old_vectors_cannot_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
