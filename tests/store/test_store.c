/* The rules that every backend keeps: each test runs against all of them. */
#include "fixture.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct subject {
    fd_store *store;
    fixture_folder folder; /* of the SQLite store */
};

static fd_store *store_of(void **state) {
    return ((struct subject *)*state)->store;
}

static int set_up_sqlite(void **state) {
    static struct subject subject;
    fixture_folder_make(&subject.folder);
    subject.store = fixture_open(subject.folder.path);
    *state = &subject;
    return 0;
}

static int tear_down_sqlite(void **state) {
    struct subject *subject = *state;
    fd_store_close(subject->store);
    fixture_folder_remove(&subject->folder);
    return 0;
}

static int set_up_memory(void **state) {
    static struct subject subject;
    *state = &subject;
    return fd_store_open_memory(&subject.store);
}

static int tear_down_memory(void **state) {
    fd_store_close(store_of(state));
    return 0;
}

static void begin(fd_store *store) {
    assert_int_equal(store->operations->begin(store), 0);
}

static void commit(fd_store *store) {
    assert_int_equal(store->operations->commit(store), 0);
}

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
    assert_int_equal(row->dimension, wanted->dimension);
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
    fd_store *store = store_of(state);
    const float numbers[] = {0.0f,      -0.0f,        1e-45f,     3.4028235e38f,
                             -INFINITY, 0.333333343f, 16777217.f, 1.17549435e-38f};
    fd_item_row rows[FD_LENGTH(awkward_texts) + 1];
    size_t n = FD_LENGTH(awkward_texts);
    for (size_t i = 0; i < n; i++) {
        /* Texts of all lengths before it leave the embedding at odd addresses. */
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
    fd_store *store = store_of(state);
    fd_label_row rows[FD_LENGTH(awkward_texts)];
    size_t n = FD_LENGTH(awkward_texts);
    fixture_add_numbered_items(store, n + 1);
    for (size_t i = 0; i < n; i++) {
        rows[i] = fixture_label(awkward_texts[i], (uint32_t)(n - i), 0);
        rows[i].annotator = awkward_texts[(i + 1) % n];
        rows[i].assignment = i % 2 ? awkward_texts[(i + 2) % n] : NULL;
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
    fd_store *store = store_of(state);
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
    fd_store *store = store_of(state);
    fd_item_row rows[] = {fixture_item("a"), fixture_item("b"), fixture_item("a"),
                          fixture_item("c"), fixture_item("b")};
    const uint32_t wanted[] = {0, 1, 0, 2, 1};
    uint32_t indices[FD_LENGTH(rows)];
    fd_added added;
    for (int round = 0; round < 2; round++) {
        begin(store);
        assert_int_equal(
            store->operations->items_add(store, rows, FD_LENGTH(rows), indices, &added), 0);
        commit(store);
        assert_int_equal(added.created, round == 0 ? 3 : 0);
        assert_int_equal(added.unchanged, round == 0 ? 2 : 5);
        assert_memory_equal(indices, wanted, sizeof(wanted));
    }
    assert_int_equal(fixture_counts(store).items, 3);
}

static void sequences_tell_new_labels_from_known_ones(void **state) {
    fd_store *store = store_of(state);
    fixture_add_numbered_items(store, 3);
    fd_label_row rows[] = {fixture_label("a", 0, 1), fixture_label("a", 0, 1),
                           fixture_label("b", 1, 2), fixture_label("c", 0, 1)};
    const int64_t wanted[] = {1, 0, 2, 3}, nothing[4] = {0};
    int64_t sequences[FD_LENGTH(rows)];
    fd_added added;
    for (int round = 0; round < 2; round++) {
        begin(store);
        assert_int_equal(
            store->operations->labels_add(store, rows, FD_LENGTH(rows), sequences, &added), 0);
        commit(store);
        assert_int_equal(added.created, round == 0 ? 3 : 0);
        assert_int_equal(added.unchanged, round == 0 ? 1 : 4);
        assert_memory_equal(sequences, round == 0 ? wanted : nothing, sizeof(wanted));
    }
    assert_int_equal(fixture_counts(store).labels, 3);
}

static void the_time_of_arrival_is_no_content(void **state) {
    fd_store *store = store_of(state);
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

static void an_empty_list_adds_nothing(void **state) {
    fd_store *store = store_of(state);
    fd_added added = {1, 2, 3};
    begin(store);
    assert_int_equal(store->operations->items_add(store, NULL, 0, NULL, &added), 0);
    assert_int_equal(added.created + added.unchanged, 0);
    assert_int_equal(store->operations->labels_add(store, NULL, 0, NULL, &added), 0);
    commit(store);
}

/* Rows like fixture_item("i0") but for one member. */
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

static void an_item_with_other_content_is_a_conflict_and_leaves_nothing(void **state) {
    fd_store *store = store_of(state);
    fixture_add_numbered_items(store, 1);
    fd_item_row others[9];
    size_t n = other_items(others);
    for (size_t i = 0; i < n; i++) {
        fd_item_row rows[] = {fixture_item("new"), fixture_item("i0"), others[i],
                              fixture_item("newer")};
        uint32_t indices[FD_LENGTH(rows)];
        fd_added added;
        begin(store);
        assert_int_equal(
            store->operations->items_add(store, rows, FD_LENGTH(rows), indices, &added), -EEXIST);
        assert_int_equal(added.conflict, 2);
        assert_int_equal(added.created, 0);
        commit(store);
        assert_int_equal(fixture_counts(store).items, 1);
    }
    fd_item_row rows[] = {others[0], others[0]};
    rows[0].id = rows[1].id = "new";
    rows[1].prompt = "other";
    uint32_t indices[2];
    fd_added added;
    begin(store);
    assert_int_equal(store->operations->items_add(store, rows, 2, indices, &added), -EEXIST);
    commit(store);
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

static void a_label_with_other_content_is_a_conflict_and_leaves_nothing(void **state) {
    fd_store *store = store_of(state);
    fixture_add_numbered_items(store, 3);
    fd_label_row first = fixture_label("l0", 0, 1);
    assert_int_equal(fixture_add_labels(store, &first, 1).created, 1);
    fd_label_row others[8];
    size_t n = other_labels(others);
    for (size_t i = 0; i < n; i++) {
        fd_label_row rows[] = {fixture_label("new", 0, 1), others[i]};
        int64_t sequences[2];
        fd_added added;
        begin(store);
        assert_int_equal(store->operations->labels_add(store, rows, 2, sequences, &added), -EEXIST);
        assert_int_equal(added.conflict, 1);
        assert_int_equal(added.created, 0);
        commit(store);
        assert_int_equal(fixture_counts(store).labels, 1);
    }
}

static void labels_of_no_pair_are_refused_and_leave_nothing(void **state) {
    fd_store *store = store_of(state);
    fixture_add_numbered_items(store, 2);
    const uint32_t pairs[][2] = {{0, 2}, {2, 0}, {UINT32_MAX, 1}, {1, 1}};
    for (size_t i = 0; i < FD_LENGTH(pairs); i++) {
        fd_label_row rows[] = {fixture_label("good", 0, 1),
                               fixture_label("bad", pairs[i][0], pairs[i][1])};
        int64_t sequences[2];
        fd_added added;
        begin(store);
        assert_int_equal(store->operations->labels_add(store, rows, 2, sequences, &added), -EINVAL);
        store->operations->rollback(store);
        assert_int_equal(fixture_counts(store).labels, 0);
    }
}

/* ---- transactions ---- */

static void a_conflict_leaves_the_rest_of_the_transaction(void **state) {
    fd_store *store = store_of(state);
    fd_item_row first = fixture_item("a"), other = fixture_item("a"), last = fixture_item("b");
    other.prompt = "other";
    uint32_t index;
    fd_added added;
    begin(store);
    assert_int_equal(store->operations->items_add(store, &first, 1, &index, &added), 0);
    assert_int_equal(store->operations->items_add(store, &other, 1, &index, &added), -EEXIST);
    assert_int_equal(store->operations->items_add(store, &last, 1, &index, &added), 0);
    assert_int_equal(index, 1);
    commit(store);
    fd_item_row wanted[] = {first, last};
    struct expected_items expected = {wanted, 2, 0, true};
    assert_int_equal(
        store->operations->items_read(store, 0, SIZE_MAX, true, expect_item, &expected), 0);
    assert_int_equal(expected.seen, 2);
}

static void rollback_undoes_everything_since_begin(void **state) {
    fd_store *store = store_of(state);
    fixture_add_numbered_items(store, 2);
    for (int round = 0; round < 2; round++) {
        fd_item_row item = fixture_item("new");
        fd_label_row label = fixture_label("l", 1, 2);
        fd_model_row model = fixture_model(1);
        uint32_t index;
        int64_t sequence;
        fd_added added;
        begin(store);
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
            commit(store);
        fd_counts counts = fixture_counts(store);
        assert_int_equal(counts.items, round == 0 ? 2 : 3);
        assert_int_equal(counts.labels, round);
        assert_int_equal(counts.models, round);
    }
    fixture_check(store);
}

static int count_item(void *context, const fd_item_row *row) {
    assert_true(row->dimension > 0);
    ++*(size_t *)context;
    return 0;
}

static void what_is_not_committed_is_not_read(void **state) {
    fd_store *store = store_of(state);
    fd_item_row item = fixture_item("a");
    fd_added added;
    uint32_t index;
    size_t seen = 0;
    begin(store);
    assert_int_equal(store->operations->items_add(store, &item, 1, &index, &added), 0);
    assert_int_equal(store->operations->items_read(store, 0, 10, false, count_item, &seen), 0);
    assert_int_equal(seen, 0);
    assert_int_equal(fixture_counts(store).items, 0);
    commit(store);
    assert_int_equal(store->operations->items_read(store, 0, 10, false, count_item, &seen), 0);
    assert_int_equal(seen, 1);
    assert_int_equal(fixture_counts(store).items, 1);
}

/* ---- paging ---- */

struct page {
    size_t n;
    int64_t first;
    int64_t last;
    size_t stop_at;
};

static void page_turn(struct page *page, int64_t number) {
    assert_true(page->n == 0 || number == page->last + 1);
    page->first = page->n == 0 ? number : page->first;
    page->last = number;
    page->n++;
}

static int page_item(void *context, const fd_item_row *row) {
    struct page *page = context;
    assert_string_equal(row->id, fixture_text("i%u", row->index));
    page_turn(page, row->index);
    return page->n == page->stop_at ? 7 : 0;
}

static int page_label(void *context, const fd_label_row *row) {
    struct page *page = context;
    page_turn(page, row->sequence);
    return page->n == page->stop_at ? -ECANCELED : 0;
}

static void items_are_read_in_pages(void **state) {
    fd_store *store = store_of(state);
    fixture_add_numbered_items(store, 10);
    const struct {
        uint32_t first;
        size_t limit, n;
    } pages[] = {{0, 4, 4}, {4, 4, 4},  {8, 4, 2},          {9, 1, 1},
                 {3, 0, 0}, {10, 4, 0}, {UINT32_MAX, 5, 0}, {7, SIZE_MAX, 3}};
    for (size_t i = 0; i < FD_LENGTH(pages); i++) {
        struct page page = {0};
        assert_int_equal(store->operations->items_read(store, pages[i].first, pages[i].limit, false,
                                                       page_item, &page),
                         0);
        assert_int_equal(page.n, pages[i].n);
        assert_true(page.n == 0 || page.first == pages[i].first);
    }
    struct page page = {.stop_at = 3};
    assert_int_equal(store->operations->items_read(store, 2, SIZE_MAX, false, page_item, &page), 7);
    assert_int_equal(page.n, 3);
}

static void the_history_is_read_in_pages(void **state) {
    fd_store *store = store_of(state);
    fixture_add_numbered_items(store, 2);
    for (size_t i = 0; i < 10; i++) {
        /* Ids in another order than the answers. */
        fd_label_row row = fixture_label(fixture_text("l%zu", i * 7 % 10), 0, 1);
        assert_int_equal(fixture_add_labels(store, &row, 1).created, 1);
    }
    const struct {
        int64_t after;
        size_t limit, n;
    } pages[] = {{0, 4, 4},  {4, 4, 4},         {8, 4, 2},        {-1, 2, 2},
                 {10, 4, 0}, {INT64_MAX, 3, 0}, {5, SIZE_MAX, 5}, {0, 0, 0}};
    for (size_t i = 0; i < FD_LENGTH(pages); i++) {
        struct page page = {0};
        assert_int_equal(store->operations->labels_read(store, pages[i].after, pages[i].limit,
                                                        page_label, &page),
                         0);
        assert_int_equal(page.n, pages[i].n);
        assert_true(page.n == 0 || page.first == (pages[i].after < 0 ? 0 : pages[i].after) + 1);
    }
    struct page page = {.stop_at = 2};
    assert_int_equal(store->operations->labels_read(store, 0, SIZE_MAX, page_label, &page),
                     -ECANCELED);
    assert_int_equal(page.n, 2);
}

/* ---- models ---- */

static int expect_model(void *context, const fd_model_row *row) {
    const fd_model_row *wanted = context;
    assert_int_equal(row->version, wanted->version);
    assert_int_equal(row->size, wanted->size);
    assert_memory_equal(row->bytes, wanted->bytes, wanted->size);
    assert_int_equal(row->labels, wanted->labels);
    assert_int_equal(row->items, wanted->items);
    assert_int_equal(row->iterations, wanted->iterations);
    assert_true(row->train_loss == wanted->train_loss ||
                (isnan(row->train_loss) && isnan(wanted->train_loss)));
    assert_true(row->held_out_loss == wanted->held_out_loss ||
                (isnan(row->held_out_loss) && isnan(wanted->held_out_loss)));
    assert_true(row->held_out_accuracy == wanted->held_out_accuracy ||
                (isnan(row->held_out_accuracy) && isnan(wanted->held_out_accuracy)));
    assert_int_equal(row->held_out_labels, wanted->held_out_labels);
    assert_true(row->seconds == wanted->seconds);
    assert_int_equal(row->created_ms, wanted->created_ms);
    return 5;
}

static int add_model(fd_store *store, const fd_model_row *row) {
    begin(store);
    int r = store->operations->model_add(store, row);
    if (r == 0)
        commit(store);
    else
        store->operations->rollback(store);
    return r;
}

static void the_model_read_is_the_newest_of_at_most_a_version(void **state) {
    fd_store *store = store_of(state);
    fd_model_row models[] = {fixture_model(1), fixture_model(4), fixture_model(2)};
    models[0].train_loss = models[0].held_out_loss = models[0].held_out_accuracy = NAN;
    models[1].bytes = (const uint8_t *)"other bytes";
    models[1].size = 12;
    assert_int_equal(store->operations->model_read(store, UINT64_MAX, expect_model, NULL), -ENOENT);
    for (size_t i = 0; i < FD_LENGTH(models); i++)
        assert_int_equal(add_model(store, &models[i]), 0);

    const struct {
        uint64_t highest;
        size_t model;
    } reads[] = {{UINT64_MAX, 1}, {4, 1}, {3, 2}, {2, 2}, {1, 0}};
    for (size_t i = 0; i < FD_LENGTH(reads); i++)
        assert_int_equal(store->operations->model_read(store, reads[i].highest, expect_model,
                                                       &models[reads[i].model]),
                         5);
    assert_int_equal(store->operations->model_read(store, 0, expect_model, NULL), -ENOENT);
}

static void a_version_is_taken_once_and_needs_bytes(void **state) {
    fd_store *store = store_of(state);
    fd_model_row model = fixture_model(1), none = fixture_model(0), empty = fixture_model(2);
    empty.size = 0;
    assert_int_equal(add_model(store, &model), 0);
    assert_int_equal(add_model(store, &model), -EEXIST);
    assert_int_equal(add_model(store, &none), -EINVAL);
    assert_int_equal(add_model(store, &empty), -EINVAL);
    assert_int_equal(fixture_counts(store).models, 1);
    assert_int_equal(store->operations->model_read(store, 9, expect_model, &model), 5);
}

static void an_empty_store_is_sound(void **state) {
    fd_counts counts = fixture_counts(store_of(state));
    assert_int_equal(counts.items + counts.labels + counts.label_rows + counts.models, 0);
    fixture_check(store_of(state));
}

/* ---- threads ---- */

enum { READER_THREADS = 6, ROUNDS = 150, LIST = 8 };

struct watch {
    fd_store *store;
    atomic_bool done;
};

/* Whole transactions in order, never fewer than before. */
static void *watch_store(void *context) {
    struct watch *watch = context;
    const fd_store_operations *store = watch->store->operations;
    int64_t before = 0;
    bool done;
    do {
        done = atomic_load(&watch->done);
        struct page items = {0}, labels = {0};
        fd_counts counts = {0};
        if (store->labels_read(watch->store, 0, SIZE_MAX, page_label, &labels) != 0 ||
            store->items_read(watch->store, 0, SIZE_MAX, true, page_item, &items) != 0 ||
            store->counts(watch->store, &counts) != 0)
            return "a read failed";
        if (labels.last < before || labels.last % LIST != 0)
            return "part of a transaction was seen";
        if (counts.items < items.n || counts.labels != counts.label_rows)
            return "rows went away";
        before = labels.last;
    } while (!done);
    return before == (int64_t)ROUNDS * LIST ? NULL : "rows are missing";
}

static void readers_see_whole_transactions_while_the_writer_writes(void **state) {
    struct watch watch = {.store = store_of(state)};
    pthread_t threads[READER_THREADS];
    fixture_add_numbered_items(watch.store, 2);
    for (size_t i = 0; i < READER_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, watch_store, &watch), 0);
    for (size_t round = 0; round < ROUNDS; round++) {
        fd_label_row rows[LIST];
        char ids[LIST][24];
        for (size_t i = 0; i < LIST; i++) {
            (void)snprintf(ids[i], sizeof(ids[i]), "l%zu-%zu", round, i);
            rows[i] = fixture_label(ids[i], 0, 1);
        }
        assert_int_equal(fixture_add_labels(watch.store, rows, LIST).created, LIST);
        fd_item_row item = fixture_item(fixture_text("i%zu", round + 2));
        assert_int_equal(fixture_add_items(watch.store, &item, 1).created, 1);
    }
    atomic_store(&watch.done, true);
    for (size_t i = 0; i < READER_THREADS; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    fixture_check(watch.store);
}

/* ---- preferences ---- */

static void preferences_have_names(void **state) {
    (void)state;
    const char *const names[] = {"a", "b", "tie", "skip"};
    fd_preference preference;
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        assert_int_equal(fd_preference_parse(names[i], &preference), 0);
        assert_int_equal(preference, i);
        assert_string_equal(fd_preference_name(preference), names[i]);
    }
    const char *const wrong[] = {"", "A", "retracted", "ties", "c"};
    for (size_t i = 0; i < FD_LENGTH(wrong); i++)
        assert_int_equal(fd_preference_parse(wrong[i], &preference), -EINVAL);
    assert_string_equal(fd_preference_name(FD_PREFER_RETRACTED), "retracted");
}

#define TESTS(X)                                                                                   \
    X(items_come_back_as_they_went_in), X(labels_come_back_as_they_went_in),                       \
        X(an_embedding_of_8_kilobytes_comes_back_bit_by_bit),                                      \
        X(indices_are_dense_and_known_items_keep_theirs),                                          \
        X(sequences_tell_new_labels_from_known_ones), X(the_time_of_arrival_is_no_content),        \
        X(an_empty_list_adds_nothing),                                                             \
        X(an_item_with_other_content_is_a_conflict_and_leaves_nothing),                            \
        X(a_label_with_other_content_is_a_conflict_and_leaves_nothing),                            \
        X(labels_of_no_pair_are_refused_and_leave_nothing),                                        \
        X(a_conflict_leaves_the_rest_of_the_transaction),                                          \
        X(rollback_undoes_everything_since_begin), X(what_is_not_committed_is_not_read),           \
        X(items_are_read_in_pages), X(the_history_is_read_in_pages),                               \
        X(the_model_read_is_the_newest_of_at_most_a_version),                                      \
        X(a_version_is_taken_once_and_needs_bytes), X(an_empty_store_is_sound),                    \
        X(readers_see_whole_transactions_while_the_writer_writes)

#define SQLITE(test)                                                                               \
    { "sqlite: " #test, test, set_up_sqlite, tear_down_sqlite, NULL }
#define MEMORY(test)                                                                               \
    { "memory: " #test, test, set_up_memory, tear_down_memory, NULL }

int main(void) {
    const struct CMUnitTest tests[] = {
        TESTS(MEMORY),
        TESTS(SQLITE),
        cmocka_unit_test(preferences_have_names),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
