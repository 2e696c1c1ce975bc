/* Sample rows, short calls and a temporary folder for the tests of the store. */
#include "fixture.h"
#include "sqlite_store.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *fixture_text(const char *format, ...) {
    static _Thread_local char texts[4][160];
    static _Thread_local unsigned next;
    char *text = texts[next++ % 4];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(texts[0]), format, arguments);
    va_end(arguments);
    return text;
}

fd_item_row fixture_item(const char *id) {
    static const float embedding[] = {0.5f, -1.25f, 3.0f};
    return (fd_item_row){
        .id = id,
        .prompt_id = "prompt",
        .prompt = "What is it?",
        .response = "A test.",
        .metadata = "{\"model\":\"m\"}",
        .embedding = embedding,
        .dimension = FD_LENGTH(embedding),
        .created_ms = 1700000000000,
    };
}

fd_label_row fixture_label(const char *id, uint32_t a, uint32_t b) {
    return (fd_label_row){
        .id = id,
        .item_a = a,
        .item_b = b,
        .preference = FD_PREFER_A,
        .annotator = "ann",
        .assignment = "assignment",
        .duration_ms = 1500,
        .created_ms = 1700000000001,
    };
}

fd_model_row fixture_model(uint64_t version) {
    static const uint8_t bytes[] = {0, 1, 255, 0, 7};
    return (fd_model_row){
        .version = version,
        .bytes = bytes,
        .size = sizeof(bytes),
        .parent = version / 2,
        .scratch = version % 2 == 0,
        .labels = 120,
        .items = 60,
        .iterations = 300,
        .prior_precision = 0.125,
        .train_loss = 0.25,
        .held_out_labels = 12,
        .held_out_loss = 0.5,
        .held_out_accuracy = 0.75,
        .held_out_accuracy_low = 0.4375,
        .held_out_accuracy_high = 0.9375,
        .held_out_calibration_error = 0.0625,
        .control_labels = 5,
        .control_accuracy = 0.625,
        .seconds = 1.5,
        .created_ms = 1700000000002,
        .answers = 150,
        .logdet = -12.125,
        .unseen = {.length_loss = 0.625, .exam_answers = 77, .exam_labels = {1, 2, 4, 8}},
    };
}

static int skip_item(void *context, const fd_item_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int skip_score(void *context, const fd_score_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int skip_project(void *context, const fd_project_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int skip_embedder(void *context, const fd_embedder_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int skip_label(void *context, const fd_label_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int skip_assignment(void *context, const fd_assignment_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int skip_model(void *context, const fd_model_row *row) {
    (void)context;
    (void)row;
    return 0;
}

/* Replicas catch up before they write, as an engine does. */
void fixture_begin(fd_store *store) {
    static const fd_change_visits visits = {.item = skip_item,
                                            .score = skip_score,
                                            .project = skip_project,
                                            .embedder = skip_embedder,
                                            .label = skip_label,
                                            .assignment = skip_assignment,
                                            .model = skip_model};
    assert_int_equal(store->operations->begin(store), 0);
    if (store->replicas)
        assert_int_equal(store->replicas->catch_up(store, &visits, NULL), 0);
}

void fixture_commit(fd_store *store) {
    assert_int_equal(store->operations->commit(store), 0);
}

fd_added fixture_add_items(fd_store *store, const fd_item_row *rows, size_t n) {
    FD_FREE uint32_t *indices = calloc(n, sizeof(*indices));
    fd_added added;
    assert_non_null(indices);
    fixture_begin(store);
    assert_int_equal(store->operations->items_add(store, rows, n, indices, &added), 0);
    fixture_commit(store);
    return added;
}

fd_added fixture_add_labels(fd_store *store, const fd_label_row *rows, size_t n) {
    FD_FREE int64_t *sequences = calloc(n, sizeof(*sequences));
    fd_added added;
    assert_non_null(sequences);
    fixture_begin(store);
    assert_int_equal(store->operations->labels_add(store, rows, n, sequences, &added), 0);
    fixture_commit(store);
    return added;
}

void fixture_add_numbered_items(fd_store *store, size_t n) {
    for (size_t i = 0; i < n; i++) {
        fd_item_row row = fixture_item(fixture_text("i%zu", i));
        assert_int_equal(fixture_add_items(store, &row, 1).created, 1);
    }
}

fd_counts fixture_counts(fd_store *store) {
    fd_counts counts;
    assert_int_equal(store->operations->counts(store, &counts), 0);
    return counts;
}

static int keep_finding(void *context, const char *finding) {
    fixture_findings *findings = context;
    size_t used = strlen(findings->text);
    (void)snprintf(findings->text + used, sizeof(findings->text) - used, "%s\n", finding);
    findings->count++;
    return 0;
}

fixture_findings fixture_find(fd_store *store) {
    fixture_findings findings = {0};
    assert_int_equal(store->operations->check(store, keep_finding, &findings), 0);
    return findings;
}

void fixture_check(fd_store *store) {
    fixture_findings findings = fixture_find(store);
    assert_string_equal(findings.text, "");
}

fd_store *fixture_open(const char *path) {
    fd_store *store = NULL;
    fd_fault fault = {0};
    int r = fd_store_open_sqlite(path, &store, &fault);
    assert_string_equal(fault.detail, "");
    assert_int_equal(r, 0);
    return store;
}

void fixture_folder_make(fixture_folder *folder) {
    (void)snprintf(folder->name, sizeof(folder->name), "/tmp/fisherd-store-XXXXXX");
    assert_non_null(mkdtemp(folder->name));
    (void)snprintf(folder->path, sizeof(folder->path), "%s/test.db", folder->name);
}

void fixture_folder_remove(fixture_folder *folder) {
    DIR *entries = opendir(folder->name);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            assert_int_equal(unlinkat(dirfd(entries), entry->d_name, 0), 0);
    (void)closedir(entries);
    assert_int_equal(rmdir(folder->name), 0);
}
