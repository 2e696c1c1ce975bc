/* The rules of writing, for every backend. */
#include "backends.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- reading back ---- */

static void same_text(const char *a, const char *b) {
    if (!a || !b)
        assert_ptr_equal(a, b);
    else
        assert_string_equal(a, b);
}

struct expected_items {
    const fd_item_row *rows;
    size_t n;
    size_t seen;
    bool embeddings;
};

static int expect_item(void *context, const fd_item_row *row) {
    struct expected_items *expected = context;
    assert_true(expected->seen < expected->n);
    const fd_item_row *wanted = &expected->rows[expected->seen++];
    assert_string_equal(row->id, wanted->id);
    assert_string_equal(row->prompt_id, wanted->prompt_id);
    same_text(row->prompt, wanted->prompt);
    same_text(row->response, wanted->response);
    same_text(row->metadata, wanted->metadata);
    assert_int_equal(row->created_ms, wanted->created_ms);
    assert_int_equal(row->dimension,
                     expected->embeddings ? wanted->dimension : expected->rows[0].dimension);
    if (expected->embeddings) {
        assert_int_equal((uintptr_t)row->embedding % _Alignof(float), 0);
        assert_memory_equal(row->embedding, wanted->embedding, wanted->dimension * sizeof(float));
    }
    return 0;
}

struct expected_labels {
    const fd_label_row *rows;
    size_t n;
    size_t seen;
};

static int expect_label(void *context, const fd_label_row *row) {
    struct expected_labels *expected = context;
    assert_true(expected->seen < expected->n);
    const fd_label_row *wanted = &expected->rows[expected->seen++];
    assert_string_equal(row->id, wanted->id);
    assert_int_equal(row->revision, 0);
    assert_int_equal(row->item_a, wanted->item_a);
    assert_int_equal(row->item_b, wanted->item_b);
    assert_int_equal(row->preference, wanted->preference);
    assert_string_equal(row->annotator, wanted->annotator);
    same_text(row->assignment, wanted->assignment);
    same_text(row->comment, wanted->comment);
    assert_int_equal(row->original, row->sequence);
    assert_int_equal(row->duration_ms, wanted->duration_ms);
    assert_int_equal(row->created_ms, wanted->created_ms);
    return 0;
}

static const char *const awkward_texts[] = {
    "plain",
    "it's \"quoted\" -- ; DROP TABLE items",
    "",
    "größer, 比較する, مقارنة",
    "👩‍🔬 🏳️‍🌈",
    "\t\r\n\x01\x7f\\",
    "%s %n ?1 :a",
    " leading and trailing ",
};

static void items_come_back_as_they_went_in(void **state) {
    fd_store *store = backend_of(state);
    const float numbers[] = {0.0f,      -0.0f,        1e-45f,     3.4028235e38f,
                             -INFINITY, 0.333333343f, 16777217.f, 1.17549435e-38f};
    fd_item_row rows[FD_LENGTH(awkward_texts) + 1];
    size_t n = FD_LENGTH(awkward_texts);
    for (size_t i = 0; i < n; i++) {
        /* Texts of all lengths before the embedding put it at odd addresses. */
        rows[i] = fixture_item(awkward_texts[i]);
        rows[i].prompt_id = awkward_texts[(i + 1) % n];
        rows[i].prompt = awkward_texts[(i + 2) % n];
        rows[i].response = awkward_texts[(i + 3) % n];
        rows[i].metadata = awkward_texts[(i + 4) % n];
        rows[i].embedding = numbers;
        rows[i].dimension = 1 + i;
        rows[i].created_ms = (int64_t)i - 3;
    }
    rows[n] = fixture_item("bare");
    rows[n].prompt = rows[n].response = rows[n].metadata = NULL;

    assert_int_equal(fixture_add_items(store, rows, n + 1).created, n + 1);
    for (int embeddings = 0; embeddings < 2; embeddings++) {
        struct expected_items expected = {rows, n + 1, 0, embeddings};
        assert_int_equal(
            store->operations->items_read(store, 0, SIZE_MAX, embeddings, expect_item, &expected),
            0);
        assert_int_equal(expected.seen, n + 1);
    }
    assert_int_equal(fixture_add_items(store, rows, n + 1).unchanged, n + 1);
}

static void labels_come_back_as_they_went_in(void **state) {
    fd_store *store = backend_of(state);
    fd_label_row rows[FD_LENGTH(awkward_texts)];
    size_t n = FD_LENGTH(awkward_texts);
    fixture_add_numbered_items(store, n + 1);
    for (size_t i = 0; i < n; i++) {
        rows[i] = fixture_label(awkward_texts[i], (uint32_t)(n - i), 0);
        rows[i].annotator = awkward_texts[(i + 1) % n];
        rows[i].assignment = i % 2 ? awkward_texts[(i + 2) % n] : NULL;
        rows[i].comment = i % 3 ? awkward_texts[(i + 3) % n] : NULL;
        rows[i].preference = (fd_preference)(i % 4);
        rows[i].duration_ms = (int64_t)i - 1;
    }
    assert_int_equal(fixture_add_labels(store, rows, n).created, n);
    struct expected_labels expected = {rows, n, 0};
    assert_int_equal(store->operations->labels_read(store, 0, SIZE_MAX, expect_label, &expected),
                     0);
    assert_int_equal(expected.seen, n);
    assert_int_equal(fixture_add_labels(store, rows, n).unchanged, n);
}

static void an_embedding_of_8_kilobytes_comes_back_bit_by_bit(void **state) {
    enum { DIMENSION = 2048, ROWS = 300 };
    fd_store *store = backend_of(state);
    FD_FREE float *numbers = malloc(ROWS * DIMENSION * sizeof(*numbers));
    fd_item_row rows[ROWS];
    char ids[ROWS][8];
    assert_non_null(numbers);
    uint32_t bits = 1;
    for (size_t i = 0; i < (size_t)ROWS * DIMENSION; i++) {
        bits = bits * 1664525u + 1013904223u;
        memcpy(&numbers[i], &bits, sizeof(bits));
    }
    for (size_t i = 0; i < ROWS; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "i%zu", i);
        rows[i] = fixture_item(ids[i]);
        rows[i].embedding = numbers + i * DIMENSION;
        rows[i].dimension = DIMENSION;
    }
    assert_int_equal(fixture_add_items(store, rows, ROWS).created, ROWS);
    struct expected_items expected = {rows, ROWS, 0, true};
    assert_int_equal(
        store->operations->items_read(store, 0, SIZE_MAX, true, expect_item, &expected), 0);
    assert_int_equal(expected.seen, ROWS);
}

/* ---- idempotency ---- */

static void indices_are_dense_and_known_items_keep_theirs(void **state) {
    fd_store *store = backend_of(state);
    fd_item_row rows[] = {fixture_item("a"), fixture_item("b"), fixture_item("a"),
                          fixture_item("c"), fixture_item("b")};
    const uint32_t wanted[] = {0, 1, 0, 2, 1};
    uint32_t indices[FD_LENGTH(rows)];
    fd_added added;
    for (int round = 0; round < 2; round++) {
        fixture_begin(store);
        assert_int_equal(
            store->operations->items_add(store, rows, FD_LENGTH(rows), indices, &added), 0);
        fixture_commit(store);
        assert_int_equal(added.created, round == 0 ? 3 : 0);
        assert_int_equal(added.unchanged, round == 0 ? 2 : 5);
        assert_memory_equal(indices, wanted, sizeof(wanted));
    }
    assert_int_equal(fixture_counts(store).items, 3);
}

static void sequences_tell_new_labels_from_known_ones(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 3);
    fd_label_row rows[] = {fixture_label("a", 0, 1), fixture_label("a", 0, 1),
                           fixture_label("b", 1, 2), fixture_label("c", 0, 1)};
    const int64_t wanted[] = {1, 0, 2, 3}, nothing[4] = {0};
    int64_t sequences[FD_LENGTH(rows)];
    fd_added added;
    for (int round = 0; round < 2; round++) {
        fixture_begin(store);
        assert_int_equal(
            store->operations->labels_add(store, rows, FD_LENGTH(rows), sequences, &added), 0);
        fixture_commit(store);
        assert_int_equal(added.created, round == 0 ? 3 : 0);
        assert_int_equal(added.unchanged, round == 0 ? 1 : 4);
        assert_memory_equal(sequences, round == 0 ? wanted : nothing, sizeof(wanted));
    }
    assert_int_equal(fixture_counts(store).labels, 3);
}

static void the_time_of_arrival_is_not_content(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 2);
    fd_item_row item = fixture_item("i0");
    item.created_ms++;
    item.index = 77;
    assert_int_equal(fixture_add_items(store, &item, 1).unchanged, 1);

    fd_label_row label = fixture_label("l", 0, 1);
    assert_int_equal(fixture_add_labels(store, &label, 1).created, 1);
    label.created_ms++;
    label.sequence = 77;
    assert_int_equal(fixture_add_labels(store, &label, 1).unchanged, 1);
}

static void a_conflict_tells_whether_the_label_is_another_annotators(void **state) {
    fd_store *store = backend_of(state);
    int64_t sequence;
    fd_added added;
    fixture_add_numbered_items(store, 2);
    fd_label_row label = fixture_label("l0", 0, 1);
    assert_int_equal(fixture_add_labels(store, &label, 1).created, 1);
    for (int foreign = 0; foreign < 2; foreign++) {
        label.preference = label.preference == FD_PREFER_A ? FD_PREFER_B : FD_PREFER_A;
        label.annotator = foreign ? "somebody else" : label.annotator;
        fixture_begin(store);
        assert_int_equal(store->operations->labels_add(store, &label, 1, &sequence, &added),
                         -EEXIST);
        assert_int_equal(added.is_foreign, foreign);
        fixture_commit(store);
        label.preference = label.preference == FD_PREFER_A ? FD_PREFER_B : FD_PREFER_A;
    }
}

static void an_empty_list_adds_nothing(void **state) {
    fd_store *store = backend_of(state);
    fd_added added = {.created = 1, .unchanged = 2, .conflict = 3};
    fixture_begin(store);
    assert_int_equal(store->operations->items_add(store, NULL, 0, NULL, &added), 0);
    assert_int_equal(added.created + added.unchanged, 0);
    assert_int_equal(store->operations->labels_add(store, NULL, 0, NULL, &added), 0);
    fixture_commit(store);
}

/* Rows that differ from fixture_item("i0") in one member. */
static size_t other_items(fd_item_row *rows) {
    static const float negative_zero[] = {0.5f, -1.25f, -0.0f}, longer[] = {0.5f, -1.25f, 3.0f, 0};
    size_t n = 0;
    for (size_t i = 0; i < 9; i++)
        rows[i] = fixture_item("i0");
    rows[n++].prompt_id = "other";
    rows[n++].prompt = "other";
    rows[n++].prompt = NULL;
    rows[n++].response = "A test. ";
    rows[n++].response = NULL;
    rows[n++].metadata = "";
    rows[n++].metadata = NULL;
    rows[n++].embedding = negative_zero;
    rows[n].embedding = longer;
    rows[n++].dimension = 4;
    return n;
}

static void an_item_with_other_content_is_a_conflict_and_adds_nothing(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 1);
    fd_item_row others[9];
    size_t n = other_items(others);
    for (size_t i = 0; i < n; i++) {
        fd_item_row rows[] = {fixture_item("new"), fixture_item("i0"), others[i],
                              fixture_item("newer")};
        uint32_t indices[FD_LENGTH(rows)];
        fd_added added;
        fixture_begin(store);
        assert_int_equal(
            store->operations->items_add(store, rows, FD_LENGTH(rows), indices, &added), -EEXIST);
        assert_int_equal(added.conflict, 2);
        assert_int_equal(added.created, 0);
        fixture_commit(store);
        assert_int_equal(fixture_counts(store).items, 1);
    }
    fd_item_row rows[] = {others[0], others[0]};
    rows[0].id = rows[1].id = "new";
    rows[1].prompt = "other";
    uint32_t indices[2];
    fd_added added;
    fixture_begin(store);
    assert_int_equal(store->operations->items_add(store, rows, 2, indices, &added), -EEXIST);
    fixture_commit(store);
    assert_int_equal(added.conflict, 1);
    assert_int_equal(fixture_counts(store).items, 1);
}

static size_t other_labels(fd_label_row *rows) {
    size_t n = 0;
    for (size_t i = 0; i < 8; i++)
        rows[i] = fixture_label("l0", 0, 1);
    rows[n++].item_a = 2;
    rows[n++].item_b = 2;
    rows[n].item_a = 1;
    rows[n++].item_b = 0;
    rows[n++].preference = FD_PREFER_TIE;
    rows[n++].annotator = "bob";
    rows[n++].assignment = NULL;
    rows[n++].assignment = "other";
    rows[n++].duration_ms = -1;
    return n;
}

static void a_label_with_other_content_is_a_conflict_and_adds_nothing(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 3);
    fd_label_row first = fixture_label("l0", 0, 1);
    assert_int_equal(fixture_add_labels(store, &first, 1).created, 1);
    fd_label_row others[8];
    size_t n = other_labels(others);
    for (size_t i = 0; i < n; i++) {
        fd_label_row rows[] = {fixture_label("new", 0, 1), others[i]};
        int64_t sequences[2];
        fd_added added;
        fixture_begin(store);
        assert_int_equal(store->operations->labels_add(store, rows, 2, sequences, &added), -EEXIST);
        assert_int_equal(added.conflict, 1);
        assert_int_equal(added.created, 0);
        fixture_commit(store);
        assert_int_equal(fixture_counts(store).labels, 1);
    }
}

static void labels_without_two_known_items_are_refused_and_add_nothing(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 2);
    const uint32_t pairs[][2] = {{0, 2}, {2, 0}, {UINT32_MAX, 1}, {1, 1}};
    for (size_t i = 0; i < FD_LENGTH(pairs); i++) {
        fd_label_row rows[] = {fixture_label("good", 0, 1),
                               fixture_label("bad", pairs[i][0], pairs[i][1])};
        int64_t sequences[2];
        fd_added added;
        fixture_begin(store);
        assert_int_equal(store->operations->labels_add(store, rows, 2, sequences, &added), -EINVAL);
        store->operations->rollback(store);
        assert_int_equal(fixture_counts(store).labels, 0);
    }
}

/* ---- transactions ---- */

static void a_conflict_does_not_undo_the_rest_of_the_transaction(void **state) {
    fd_store *store = backend_of(state);
    fd_item_row first = fixture_item("a"), other = fixture_item("a"), last = fixture_item("b");
    other.prompt = "other";
    uint32_t index;
    fd_added added;
    fixture_begin(store);
    assert_int_equal(store->operations->items_add(store, &first, 1, &index, &added), 0);
    assert_int_equal(store->operations->items_add(store, &other, 1, &index, &added), -EEXIST);
    assert_int_equal(store->operations->items_add(store, &last, 1, &index, &added), 0);
    assert_int_equal(index, 1);
    fixture_commit(store);
    fd_item_row wanted[] = {first, last};
    struct expected_items expected = {wanted, 2, 0, true};
    assert_int_equal(
        store->operations->items_read(store, 0, SIZE_MAX, true, expect_item, &expected), 0);
    assert_int_equal(expected.seen, 2);
}

static void rollback_undoes_everything_since_begin(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 2);
    for (int round = 0; round < 2; round++) {
        fd_item_row item = fixture_item("new");
        fd_label_row label = fixture_label("l", 1, 2);
        fd_model_row model = fixture_model(1);
        uint32_t index;
        int64_t sequence;
        fd_added added;
        fixture_begin(store);
        assert_int_equal(store->operations->items_add(store, &item, 1, &index, &added), 0);
        assert_int_equal(added.created, 1);
        assert_int_equal(store->operations->labels_add(store, &label, 1, &sequence, &added), 0);
        assert_int_equal(store->operations->model_add(store, &model), 0);
        assert_int_equal(index, 2);
        assert_int_equal(sequence, 1);
        assert_int_equal(added.created, 1);
        if (round == 0)
            store->operations->rollback(store);
        else
            fixture_commit(store);
        fd_counts counts = fixture_counts(store);
        assert_int_equal(counts.items, round == 0 ? 2 : 3);
        assert_int_equal(counts.labels, round);
        assert_int_equal(counts.models, round);
    }
    fixture_check(store);
}

#define TESTS(X)                                                                                   \
    X(items_come_back_as_they_went_in), X(labels_come_back_as_they_went_in),                       \
        X(an_embedding_of_8_kilobytes_comes_back_bit_by_bit),                                      \
        X(indices_are_dense_and_known_items_keep_theirs),                                          \
        X(sequences_tell_new_labels_from_known_ones), X(the_time_of_arrival_is_not_content),       \
        X(a_conflict_tells_whether_the_label_is_another_annotators),                               \
        X(an_empty_list_adds_nothing),                                                             \
        X(an_item_with_other_content_is_a_conflict_and_adds_nothing),                              \
        X(a_label_with_other_content_is_a_conflict_and_adds_nothing),                              \
        X(labels_without_two_known_items_are_refused_and_add_nothing),                             \
        X(a_conflict_does_not_undo_the_rest_of_the_transaction),                                   \
        X(rollback_undoes_everything_since_begin)

int main(void) {
    const struct CMUnitTest tests[] = {
        TESTS(ON_MEMORY),
        TESTS(ON_SQLITE),
        TESTS(ON_POSTGRES),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
