/* Model versions, for every backend. */
#include "backends.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- short calls ---- */

static int add(fd_store *store, const fd_model_row *row) {
    fixture_begin(store);
    int r = store->operations->model_add(store, row);
    if (r == 0)
        fixture_commit(store);
    else
        store->operations->rollback(store);
    return r;
}

static void add_version(fd_store *store, uint64_t version) {
    fd_model_row row = fixture_model(version);
    assert_int_equal(add(store, &row), 0);
}

static int activate(fd_store *store, uint64_t version) {
    fixture_begin(store);
    int r = store->operations->model_activate(store, version);
    fixture_commit(store);
    return r;
}

static size_t prune(fd_store *store, size_t keep, uint64_t spare) {
    size_t deleted = SIZE_MAX;
    fixture_begin(store);
    assert_int_equal(store->operations->models_prune(store, keep, spare, &deleted), 0);
    fixture_commit(store);
    return deleted;
}

/* Versions and their states as "3s 2a 1r". */
static int list_model(void *context, const fd_model_row *row) {
    char *text = context;
    size_t used = strlen(text);
    assert_null(row->bytes);
    assert_int_equal(row->size, 0);
    (void)snprintf(text + used, 200 - used, "%s%llu%c", used ? " " : "",
                   (unsigned long long)row->version, fd_model_state_name(row->state)[0]);
    return 0;
}

static const char *listed(fd_store *store, uint64_t highest, size_t limit) {
    static char text[200];
    text[0] = '\0';
    assert_int_equal(store->operations->models_read(store, highest, limit, false, list_model, text),
                     0);
    return text;
}

static const char *all(fd_store *store) {
    return listed(store, UINT64_MAX, SIZE_MAX);
}

/* ---- reading back ---- */

static void assert_same_real(double a, double b) {
    assert_true(a == b || (isnan(a) && isnan(b)));
}

struct expected_model {
    const fd_model_row *row;
    bool bytes;
};

static int expect_model(void *context, const fd_model_row *row) {
    const struct expected_model *expected = context;
    const fd_model_row *wanted = expected->row;
    assert_int_equal(row->version, wanted->version);
    assert_int_equal(row->state, wanted->state);
    if (wanted->reason)
        assert_string_equal(row->reason, wanted->reason);
    else
        assert_null(row->reason);
    assert_int_equal(row->parent, wanted->parent);
    assert_int_equal(row->scratch, wanted->scratch);
    assert_int_equal(row->size, expected->bytes ? wanted->size : 0);
    if (expected->bytes)
        assert_memory_equal(row->bytes, wanted->bytes, wanted->size);
    else
        assert_null(row->bytes);
    assert_int_equal(row->labels, wanted->labels);
    assert_int_equal(row->items, wanted->items);
    assert_int_equal(row->iterations, wanted->iterations);
    assert_same_real(row->prior_precision, wanted->prior_precision);
    assert_same_real(row->train_loss, wanted->train_loss);
    assert_int_equal(row->held_out_labels, wanted->held_out_labels);
    assert_same_real(row->held_out_loss, wanted->held_out_loss);
    assert_same_real(row->held_out_accuracy, wanted->held_out_accuracy);
    assert_same_real(row->held_out_accuracy_low, wanted->held_out_accuracy_low);
    assert_same_real(row->held_out_accuracy_high, wanted->held_out_accuracy_high);
    assert_same_real(row->held_out_calibration_error, wanted->held_out_calibration_error);
    assert_int_equal(row->control_labels, wanted->control_labels);
    assert_same_real(row->control_accuracy, wanted->control_accuracy);
    assert_same_real(row->seconds, wanted->seconds);
    assert_int_equal(row->created_ms, wanted->created_ms);
    assert_int_equal(row->answers, wanted->answers);
    assert_same_real(row->logdet, wanted->logdet);
    assert_memory_equal(&row->unseen, &wanted->unseen, sizeof(row->unseen));
    return 5;
}

static void expect(fd_store *store, const fd_model_row *row) {
    for (int bytes = 0; bytes < 2; bytes++) {
        struct expected_model expected = {row, bytes};
        assert_int_equal(
            store->operations->models_read(store, row->version, 1, bytes, expect_model, &expected),
            5);
    }
}

static void models_come_back_as_they_went_in(void **state) {
    fd_store *store = backend_of(state);
    fd_model_row rows[] = {fixture_model(1), fixture_model(2), fixture_model(3)};
    rows[1].bytes = (const uint8_t *)"other bytes";
    rows[1].size = 12;
    rows[1].state = FD_MODEL_REJECTED;
    rows[1].reason = "held-out accuracy \"0.5\" größer";
    rows[2].scratch = -1;
    rows[2].prior_precision = rows[2].train_loss = rows[2].held_out_loss =
        rows[2].held_out_accuracy = rows[2].held_out_accuracy_low = rows[2].held_out_accuracy_high =
            rows[2].held_out_calibration_error = rows[2].control_accuracy = rows[2].logdet = NAN;
    rows[2].answers = -1;
    fd_unseen_figures_clear(&rows[2].unseen);
    rows[1].answers = 0;
    for (size_t i = 0; i < FD_LENGTH(rows); i++)
        assert_int_equal(add(store, &rows[i]), 0);
    for (size_t i = 0; i < FD_LENGTH(rows); i++)
        expect(store, &rows[i]);
    fixture_check(store);
}

static void models_are_read_from_the_newest_down(void **state) {
    fd_store *store = backend_of(state);
    assert_string_equal(all(store), "");
    const uint64_t versions[] = {1, 4, 2, 9};
    for (size_t i = 0; i < FD_LENGTH(versions); i++)
        add_version(store, versions[i]);
    assert_string_equal(all(store), "9s 4s 2s 1s");
    assert_string_equal(listed(store, UINT64_MAX, 2), "9s 4s");
    assert_string_equal(listed(store, 8, 2), "4s 2s");
    assert_string_equal(listed(store, 4, 9), "4s 2s 1s");
    assert_string_equal(listed(store, 3, 1), "2s");
    assert_string_equal(listed(store, 0, 9), "");
    assert_string_equal(listed(store, 9, 0), "");
}

static void a_version_is_stored_once_and_needs_bytes(void **state) {
    fd_store *store = backend_of(state);
    fd_model_row model = fixture_model(1), none = fixture_model(0), empty = fixture_model(2);
    empty.size = 0;
    assert_int_equal(add(store, &model), 0);
    assert_int_equal(add(store, &model), -EEXIST);
    assert_int_equal(add(store, &none), -EINVAL);
    assert_int_equal(add(store, &empty), -EINVAL);
    assert_int_equal(fixture_counts(store).models, 1);
    expect(store, &model);
}

/* ---- states ---- */

static void at_most_one_model_is_active(void **state) {
    fd_store *store = backend_of(state);
    for (uint64_t version = 1; version <= 3; version++)
        add_version(store, version);
    assert_string_equal(all(store), "3s 2s 1s");
    const struct {
        uint64_t version;
        const char *after;
    } steps[] = {{2, "3s 2a 1s"}, {3, "3a 2s 1s"}, {3, "3a 2s 1s"}, {1, "3s 2s 1a"}};
    for (size_t i = 0; i < FD_LENGTH(steps); i++) {
        assert_int_equal(activate(store, steps[i].version), 0);
        assert_string_equal(all(store), steps[i].after);
    }
    fixture_check(store);
}

static void activating_an_unknown_version_changes_nothing(void **state) {
    fd_store *store = backend_of(state);
    assert_int_equal(activate(store, 1), -ENOENT);
    add_version(store, 2);
    assert_int_equal(activate(store, 2), 0);
    assert_int_equal(activate(store, 1), -ENOENT);
    assert_int_equal(activate(store, INT64_MAX), -ENOENT);
    assert_string_equal(all(store), "2a");
}

static void activating_a_rejected_model_clears_its_reason(void **state) {
    fd_store *store = backend_of(state);
    fd_model_row row = fixture_model(1);
    row.state = FD_MODEL_REJECTED;
    row.reason = "worse";
    assert_int_equal(add(store, &row), 0);
    expect(store, &row);
    assert_int_equal(activate(store, 1), 0);
    row.state = FD_MODEL_ACTIVE;
    row.reason = NULL;
    expect(store, &row);
}

/* ---- pruning ---- */

static void pruning_keeps_the_newest_the_active_and_the_spared(void **state) {
    fd_store *store = backend_of(state);
    for (uint64_t version = 1; version <= 7; version++)
        add_version(store, version);
    assert_int_equal(activate(store, 2), 0);
    assert_int_equal(prune(store, 7, 0), 0);
    assert_int_equal(prune(store, 3, 4), 2);
    assert_string_equal(all(store), "7s 6s 5s 4s 2a");
    assert_int_equal(prune(store, 1, 0), 3);
    assert_string_equal(all(store), "7s 2a");
    assert_int_equal(fixture_counts(store).models, 2);
    assert_int_equal(activate(store, 7), 0);
    assert_int_equal(prune(store, 1, 0), 1);
    assert_string_equal(all(store), "7a");
    fixture_check(store);
}

/* ---- transactions ---- */

static void changes_to_models_are_seen_after_the_commit_only(void **state) {
    fd_store *store = backend_of(state);
    add_version(store, 1);
    add_version(store, 2);
    assert_int_equal(activate(store, 1), 0);
    for (int round = 0; round < 2; round++) {
        fd_model_row row = fixture_model(3);
        size_t deleted;
        fixture_begin(store);
        assert_int_equal(store->operations->model_add(store, &row), 0);
        assert_int_equal(store->operations->model_activate(store, 3), 0);
        assert_int_equal(store->operations->models_prune(store, 1, 0, &deleted), 0);
        assert_int_equal(deleted, 2);
        assert_string_equal(all(store), "2s 1a");
        assert_int_equal(fixture_counts(store).models, 2);
        if (round == 0)
            store->operations->rollback(store);
        else
            fixture_commit(store);
        assert_string_equal(all(store), round == 0 ? "2s 1a" : "3a");
    }
}

/* A callback may write: the row that it was passed stays where it is. */
static int prune_all_but_the_newest(void *context, const fd_model_row *row) {
    fd_store *store = context;
    fd_model_row copy = *row;
    FD_FREE uint8_t *bytes = malloc(row->size);
    assert_non_null(bytes);
    memcpy(bytes, row->bytes, row->size);
    (void)prune(store, 1, 0);
    assert_memory_equal(copy.bytes, bytes, copy.size);
    return 1;
}

static void a_row_stays_valid_while_it_is_read_and_deleted(void **state) {
    fd_store *store = backend_of(state);
    add_version(store, 1);
    add_version(store, 2);
    assert_int_equal(
        store->operations->models_read(store, 1, 1, true, prune_all_but_the_newest, store), 1);
    assert_string_equal(all(store), "2s");
}

static void states_have_names(void **state) {
    (void)state;
    const char *const names[] = {"stored", "active", "rejected"};
    fd_model_state parsed;
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        assert_int_equal(fd_model_state_parse(names[i], &parsed), 0);
        assert_int_equal(parsed, i);
        assert_string_equal(fd_model_state_name(parsed), names[i]);
    }
    const char *const wrong[] = {"", "Active", "stored ", "serving"};
    for (size_t i = 0; i < FD_LENGTH(wrong); i++)
        assert_int_equal(fd_model_state_parse(wrong[i], &parsed), -EINVAL);
}

#define TESTS(X)                                                                                   \
    X(models_come_back_as_they_went_in), X(models_are_read_from_the_newest_down),                  \
        X(a_version_is_stored_once_and_needs_bytes), X(at_most_one_model_is_active),               \
        X(activating_an_unknown_version_changes_nothing),                                          \
        X(activating_a_rejected_model_clears_its_reason),                                          \
        X(pruning_keeps_the_newest_the_active_and_the_spared),                                     \
        X(changes_to_models_are_seen_after_the_commit_only),                                       \
        X(a_row_stays_valid_while_it_is_read_and_deleted)

int main(void) {
    const struct CMUnitTest tests[] = {
        TESTS(ON_MEMORY),
        TESTS(ON_SQLITE),
        TESTS(ON_POSTGRES),
        cmocka_unit_test(states_have_names),
    };
    return cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
