/* Rows that come from another store: histories as they are, and what identifies a project. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends.h"

static fd_label_row row_at(int64_t sequence, const char *id, uint32_t revision) {
    fd_label_row row = fixture_label(id, 0, 1);
    row.sequence = sequence;
    row.revision = revision;
    row.created_ms = 1700000000000 + sequence;
    row.preference = revision > 0 ? FD_PREFER_RETRACTED : FD_PREFER_B;
    row.comment = revision > 0 ? "changed" : NULL;
    return row;
}

static int add_rows(fd_store *store, const fd_label_row *rows, size_t n) {
    fixture_begin(store);
    int r = store->operations->label_rows_add(store, rows, n);
    fixture_commit(store);
    return r;
}

struct history {
    size_t n;
    char text[400];
};

static int keep_label(void *context, const fd_label_row *row) {
    struct history *history = context;
    size_t used = strlen(history->text);
    assert_int_equal(row->created_ms, 1700000000000 + row->sequence);
    (void)snprintf(history->text + used, sizeof(history->text) - used, "%d/%d %s.%d %s %s\n",
                   (int)row->sequence, (int)row->original, row->id, (int)row->revision,
                   fd_preference_name(row->preference), row->comment ? row->comment : "-");
    history->n++;
    return 0;
}

static const char *read_history(fd_store *store) {
    static struct history history;
    history = (struct history){0};
    assert_int_equal(store->operations->labels_read(store, 0, SIZE_MAX, keep_label, &history), 0);
    return history.text;
}

static void a_history_is_added_as_it_is(void **state) {
    fd_store *store = backend_of(state);
    const fd_label_row first[] = {row_at(1, "x", 0), row_at(2, "y", 0), row_at(3, "x", 1)};
    const fd_label_row second[] = {row_at(4, "x", 2), row_at(5, "z", 0), row_at(6, "y", 1)};
    fixture_add_numbered_items(store, 2);
    assert_int_equal(add_rows(store, first, 3), 0);
    assert_int_equal(add_rows(store, second, 3), 0);
    assert_string_equal(read_history(store), "1/1 x.0 b -\n2/2 y.0 b -\n3/1 x.1 retracted changed\n"
                                             "4/1 x.2 retracted changed\n5/5 z.0 b -\n"
                                             "6/2 y.1 retracted changed\n");
    fd_counts counts = fixture_counts(store);
    assert_int_equal(counts.labels, 3);
    assert_int_equal(counts.label_rows, 6);
    fixture_check(store);
}

static void a_history_that_was_added_goes_on(void **state) {
    fd_store *store = backend_of(state);
    const fd_label_row rows[] = {row_at(1, "x", 0), row_at(2, "x", 1)};
    const fd_label_change change = {"x", FD_PREFER_TIE, -1, NULL, 1700000000003, "ann"};
    fd_label_changed changed;
    int64_t newest;
    fixture_add_numbered_items(store, 2);
    assert_int_equal(add_rows(store, rows, 2), 0);
    fixture_begin(store);
    assert_int_equal(store->operations->label_revise(store, &change, &changed), 0);
    fixture_commit(store);
    assert_true(changed.changed);
    assert_int_equal(changed.revision, 2);
    assert_int_equal(changed.original, 1);
    assert_int_equal(changed.before, FD_PREFER_RETRACTED);
    fd_label_row same = row_at(0, "x", 0);
    assert_int_equal(fixture_add_labels(store, &same, 1).unchanged, 1);
    assert_int_equal(store->operations->label_newest(store, "x", &newest), 0);
    assert_int_equal(newest, 3);
    fixture_check(store);
}

static void rows_that_do_not_continue_the_history_are_refused(void **state) {
    fd_store *store = backend_of(state);
    const fd_label_row first = row_at(1, "x", 0);
    fd_label_row wrong[] = {row_at(1, "y", 0), row_at(3, "y", 0), row_at(2, "x", 0),
                            row_at(2, "x", 2), row_at(2, "y", 1), row_at(2, "y", 0),
                            row_at(2, "y", 0)};
    wrong[5].item_b = 2; /* is not there */
    wrong[6].item_b = wrong[6].item_a;
    fixture_add_numbered_items(store, 2);
    assert_int_equal(add_rows(store, &first, 1), 0);
    for (size_t i = 0; i < FD_LENGTH(wrong); i++) {
        fd_label_row both[] = {row_at(2, "z", 0), wrong[i]};
        both[1].sequence++;
        assert_int_equal(add_rows(store, &wrong[i], 1), -EINVAL);
        assert_int_equal(add_rows(store, both, 2), -EINVAL);
        assert_string_equal(read_history(store), "1/1 x.0 b -\n");
    }
    fixture_check(store);
}

static void the_key_of_assignments_is_replaced_by_a_commit(void **state) {
    fd_store *store = backend_of(state);
    unsigned char drawn[FD_ASSIGNMENT_KEY_SIZE], key[FD_ASSIGNMENT_KEY_SIZE], read[sizeof(key)];
    memset(key, 7, sizeof(key));
    assert_int_equal(store->operations->assignment_key(store, drawn), 0);
    fixture_begin(store);
    assert_int_equal(store->operations->assignment_key_write(store, key), 0);
    store->operations->rollback(store);
    assert_int_equal(store->operations->assignment_key(store, read), 0);
    assert_memory_equal(read, drawn, sizeof(read));
    fixture_begin(store);
    assert_int_equal(store->operations->assignment_key_write(store, key), 0);
    fixture_commit(store);
    assert_int_equal(store->operations->assignment_key(store, read), 0);
    assert_memory_equal(read, key, sizeof(read));
    fixture_check(store);
}

static int keep_foreign(void *context, const fd_model_row *row) {
    bool *is_foreign = context;
    is_foreign[row->version - 1] = row->is_foreign;
    return 0;
}

static void a_model_of_another_embedder_stays_one(void **state) {
    fd_store *store = backend_of(state);
    bool is_foreign[2] = {0};
    fd_model_row models[] = {fixture_model(1), fixture_model(2)};
    models[0].is_foreign = true;
    fixture_begin(store);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(store->operations->model_add(store, &models[i]), 0);
    fixture_commit(store);
    assert_int_equal(
        store->operations->models_read(store, UINT64_MAX, 2, false, keep_foreign, is_foreign), 0);
    assert_true(is_foreign[0]);
    assert_false(is_foreign[1]);
}

static int keep_version(void *context, const fd_project_row *row) {
    char *text = context;
    size_t used = strlen(text);
    (void)snprintf(text + used, 80 - used, "%d %s %s;", (int)row->version,
                   row->author ? row->author : "-", row->settings);
    return 0;
}

static void all_versions_of_the_project_are_read(void **state) {
    fd_store *store = backend_of(state);
    const fd_project_row rows[] = {
        {1, "ann", 1700000000001, "{}"}, {2, NULL, 1700000000002, "{\"a\":1}"}, {3, "b", 3, "{}"}};
    char text[80] = "";
    for (size_t i = 0; i < FD_LENGTH(rows); i++) {
        fixture_begin(store);
        assert_int_equal(store->operations->project_add(store, &rows[i]), 0);
        fixture_commit(store);
    }
    assert_int_equal(store->operations->project_versions_read(store, keep_version, text), 0);
    assert_string_equal(text, "1 ann {};2 - {\"a\":1};3 b {};");
}

static int keep_assignment(void *context, const fd_assignment_row *row) {
    char *text = context;
    size_t used = strlen(text);
    (void)snprintf(text + used, 80 - used, "%s %d;", row->id, (int)row->ended_ms);
    return 0;
}

static void open_and_ended_assignments_are_read_in_order(void **state) {
    fd_store *store = backend_of(state);
    const char *const ids[] = {"z", "m", "a", "k"};
    char text[80] = "";
    fixture_add_numbered_items(store, 2);
    for (int i = 0; i < 4; i++) {
        const fd_assignment_row row = {
            .id = ids[i], .item_b = 1, .annotator = "ann", .ended_ms = i == 1 ? 5 : -1};
        fixture_begin(store);
        assert_int_equal(store->operations->assignments_write(store, &row, 1), 0);
        fixture_commit(store);
    }
    assert_int_equal(store->operations->assignments_read(store, keep_assignment, text), 0);
    if (strcmp(text, "z -1;a -1;k -1;") != 0) /* memory forgets those that have ended */
        assert_string_equal(text, "z -1;m 5;a -1;k -1;");
}

static int keep_times(void *context, const fd_embedding_job_row *row) {
    int64_t *started_ms = context;
    *started_ms = row->started_ms;
    return 0;
}

static void the_time_at_which_a_job_was_started_is_added(void **state) {
    fd_store *store = backend_of(state);
    int64_t started_ms = 0;
    const fd_embedding_job_row row = {.id = "job",
                                      .author = "",
                                      .state = FD_EMBEDDING_JOB_DONE,
                                      .created_ms = 1,
                                      .started_ms = 2,
                                      .finished_ms = 3};
    fixture_begin(store);
    assert_int_equal(store->operations->embedding_job_add(store, &row, NULL, 0, 1, 1), 0);
    fixture_commit(store);
    assert_int_equal(
        store->operations->embedding_jobs_read(store, INT64_MAX, 1, keep_times, &started_ms), 0);
    assert_int_equal(started_ms, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SQLITE(a_history_is_added_as_it_is),
        ON_POSTGRES(a_history_is_added_as_it_is),
        ON_MEMORY(a_history_is_added_as_it_is),
        ON_SQLITE(a_history_that_was_added_goes_on),
        ON_POSTGRES(a_history_that_was_added_goes_on),
        ON_MEMORY(a_history_that_was_added_goes_on),
        ON_SQLITE(rows_that_do_not_continue_the_history_are_refused),
        ON_POSTGRES(rows_that_do_not_continue_the_history_are_refused),
        ON_MEMORY(rows_that_do_not_continue_the_history_are_refused),
        ON_SQLITE(the_key_of_assignments_is_replaced_by_a_commit),
        ON_POSTGRES(the_key_of_assignments_is_replaced_by_a_commit),
        ON_MEMORY(the_key_of_assignments_is_replaced_by_a_commit),
        ON_SQLITE(a_model_of_another_embedder_stays_one),
        ON_POSTGRES(a_model_of_another_embedder_stays_one),
        ON_MEMORY(a_model_of_another_embedder_stays_one),
        ON_SQLITE(all_versions_of_the_project_are_read),
        ON_POSTGRES(all_versions_of_the_project_are_read),
        ON_MEMORY(all_versions_of_the_project_are_read),
        ON_SQLITE(open_and_ended_assignments_are_read_in_order),
        ON_POSTGRES(open_and_ended_assignments_are_read_in_order),
        ON_MEMORY(open_and_ended_assignments_are_read_in_order),
        ON_SQLITE(the_time_at_which_a_job_was_started_is_added),
        ON_POSTGRES(the_time_at_which_a_job_was_started_is_added),
        ON_MEMORY(the_time_at_which_a_job_was_started_is_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
