/* Corrections and retractions of labels, for every backend. */
#include "backends.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct revisions {
    size_t n;
    int64_t original[16];
    uint32_t revision[16];
    fd_preference preference[16];
    int64_t duration_ms[16];
    int64_t created_ms[16];
    char comment[16][40];
    char assignment[16][16];
};

static int keep_revision(void *context, const fd_label_row *row) {
    struct revisions *kept = context;
    assert_true(kept->n < FD_LENGTH(kept->original));
    assert_int_equal(row->sequence, kept->n + 1);
    kept->original[kept->n] = row->original;
    kept->revision[kept->n] = row->revision;
    kept->preference[kept->n] = row->preference;
    kept->duration_ms[kept->n] = row->duration_ms;
    kept->created_ms[kept->n] = row->created_ms;
    assert_string_equal(row->annotator, "ann");
    (void)snprintf(kept->comment[kept->n], sizeof(kept->comment[0]), "%s",
                   row->comment ? row->comment : "(none)");
    (void)snprintf(kept->assignment[kept->n], sizeof(kept->assignment[0]), "%s", row->assignment);
    kept->n++;
    return 0;
}

static struct revisions read_revisions(fd_store *store) {
    struct revisions kept = {0};
    assert_int_equal(store->operations->labels_read(store, 0, SIZE_MAX, keep_revision, &kept), 0);
    return kept;
}

/* One transaction with one revision. */
static fd_label_changed revise(fd_store *store, const char *id, fd_preference preference,
                               int64_t duration_ms, const char *comment) {
    fd_label_change change = {.id = id,
                              .preference = preference,
                              .duration_ms = duration_ms,
                              .comment = comment,
                              .created_ms = 1800000000000};
    fd_label_changed changed;
    fixture_begin(store);
    assert_int_equal(store->operations->label_revise(store, &change, &changed), 0);
    fixture_commit(store);
    return changed;
}

static void add_three_labels(fd_store *store) {
    fixture_add_numbered_items(store, 3);
    fd_label_row rows[] = {fixture_label("l1", 0, 1), fixture_label("l2", 1, 2),
                           fixture_label("l3", 2, 0)};
    rows[1].comment = "both are fine";
    assert_int_equal(fixture_add_labels(store, rows, 3).created, 3);
}

static void revisions_are_numbered_and_return_the_preference_before(void **state) {
    fd_store *store = backend_of(state);
    add_three_labels(store);
    const fd_preference preferences[] = {FD_PREFER_A,    FD_PREFER_B,         FD_PREFER_TIE,
                                         FD_PREFER_SKIP, FD_PREFER_RETRACTED, FD_PREFER_A};
    for (uint32_t i = 1; i < FD_LENGTH(preferences); i++) {
        fd_label_changed changed = revise(store, "l2", preferences[i], -1, NULL);
        assert_true(changed.changed);
        assert_int_equal(changed.original, 2);
        assert_int_equal(changed.revision, i);
        assert_int_equal(changed.before, preferences[i - 1]);
    }
    fd_counts counts = fixture_counts(store);
    assert_int_equal(counts.labels, 3);
    assert_int_equal(counts.label_rows, 3 + 5);
    fixture_check(store);
}

static void the_history_keeps_every_revision_and_names_the_original(void **state) {
    fd_store *store = backend_of(state);
    add_three_labels(store);
    (void)revise(store, "l2", FD_PREFER_TIE, 77, NULL);
    (void)revise(store, "l1", FD_PREFER_SKIP, -1, "unclear");
    (void)revise(store, "l2", FD_PREFER_RETRACTED, -1, NULL);
    struct revisions kept = read_revisions(store);
    const int64_t originals[] = {1, 2, 3, 2, 1, 2};
    const uint32_t revisions[] = {0, 0, 0, 1, 1, 2};
    const fd_preference preferences[] = {FD_PREFER_A,   FD_PREFER_A,    FD_PREFER_A,
                                         FD_PREFER_TIE, FD_PREFER_SKIP, FD_PREFER_RETRACTED};
    assert_int_equal(kept.n, 6);
    for (size_t i = 0; i < kept.n; i++) {
        assert_int_equal(kept.original[i], originals[i]);
        assert_int_equal(kept.revision[i], revisions[i]);
        assert_int_equal(kept.preference[i], preferences[i]);
        assert_int_equal(kept.created_ms[i], i < 3 ? 1700000000001 : 1800000000000);
        assert_string_equal(kept.assignment[i], "assignment");
    }
}

static void a_revision_keeps_the_comment_and_duration_unless_it_has_its_own(void **state) {
    fd_store *store = backend_of(state);
    add_three_labels(store);
    (void)revise(store, "l2", FD_PREFER_B, -1, NULL);
    (void)revise(store, "l2", FD_PREFER_B, 9, "no, the second");
    (void)revise(store, "l2", FD_PREFER_A, -1, NULL);
    (void)revise(store, "l1", FD_PREFER_B, -1, NULL);
    struct revisions kept = read_revisions(store);
    assert_int_equal(kept.n, 7);
    assert_string_equal(kept.comment[1], "both are fine");
    assert_string_equal(kept.comment[3], "both are fine");
    assert_int_equal(kept.duration_ms[3], 1500);
    assert_string_equal(kept.comment[4], "no, the second");
    assert_int_equal(kept.duration_ms[4], 9);
    assert_string_equal(kept.comment[5], "no, the second");
    assert_int_equal(kept.duration_ms[5], 9);
    assert_string_equal(kept.comment[6], "(none)");
}

static void the_same_revision_again_changes_nothing(void **state) {
    fd_store *store = backend_of(state);
    add_three_labels(store);
    assert_false(revise(store, "l2", FD_PREFER_A, -1, NULL).changed);
    assert_false(revise(store, "l2", FD_PREFER_A, 1500, "both are fine").changed);
    assert_int_equal(fixture_counts(store).label_rows, 3);

    assert_true(revise(store, "l2", FD_PREFER_B, -1, "changed").changed);
    fd_label_changed again = revise(store, "l2", FD_PREFER_B, -1, "changed");
    assert_false(again.changed);
    assert_int_equal(again.revision, 1);
    assert_int_equal(again.original, 2);
    assert_int_equal(again.before, FD_PREFER_B);
    /* Going back to the preference of an older revision is a change. */
    assert_true(revise(store, "l2", FD_PREFER_A, -1, "both are fine").changed);
    assert_true(revise(store, "l2", FD_PREFER_A, 1501, NULL).changed);
    assert_true(revise(store, "l2", FD_PREFER_A, -1, "").changed);
    assert_int_equal(fixture_counts(store).label_rows, 7);
}

static void an_unknown_label_cannot_be_revised(void **state) {
    fd_store *store = backend_of(state);
    add_three_labels(store);
    const char *const unknown[] = {"l4", "", "L1", "l1 "};
    for (size_t i = 0; i < FD_LENGTH(unknown); i++) {
        fd_label_change change = {
            .id = unknown[i], .preference = FD_PREFER_B, .duration_ms = -1, .created_ms = 1};
        fd_label_changed changed;
        fixture_begin(store);
        assert_int_equal(store->operations->label_revise(store, &change, &changed), -ENOENT);
        fixture_commit(store);
    }
    assert_true(revise(store, "l1", FD_PREFER_B, -1, NULL).changed);
    assert_int_equal(fixture_counts(store).label_rows, 4);
}

static void only_the_annotator_of_a_label_revises_it(void **state) {
    fd_store *store = backend_of(state);
    add_three_labels(store);
    fd_label_change change = {.id = "l1",
                              .preference = FD_PREFER_B,
                              .duration_ms = -1,
                              .created_ms = 1,
                              .annotator = "an"};
    fd_label_changed changed;
    fixture_begin(store);
    assert_int_equal(store->operations->label_revise(store, &change, &changed), -ENOENT);
    change.annotator = "ann";
    assert_int_equal(store->operations->label_revise(store, &change, &changed), 0);
    assert_true(changed.changed);
    fixture_commit(store);
    assert_int_equal(fixture_counts(store).label_rows, 4);
}

static void rollback_undoes_revisions(void **state) {
    fd_store *store = backend_of(state);
    add_three_labels(store);
    assert_int_equal(revise(store, "l1", FD_PREFER_B, -1, NULL).revision, 1);
    fd_label_row row = fixture_label("l9", 0, 2);
    int64_t sequence;
    fd_added added;
    fd_label_changed changed;
    fixture_begin(store);
    assert_int_equal(store->operations->labels_add(store, &row, 1, &sequence, &added), 0);
    const char *const ids[] = {"l9", "l1", "l1"};
    for (size_t i = 0; i < FD_LENGTH(ids); i++) {
        fd_label_change change = {.id = ids[i],
                                  .preference = i < 2 ? FD_PREFER_TIE : FD_PREFER_SKIP,
                                  .duration_ms = -1,
                                  .created_ms = 1};
        assert_int_equal(store->operations->label_revise(store, &change, &changed), 0);
        assert_true(changed.changed);
    }
    assert_int_equal(changed.revision, 3);
    store->operations->rollback(store);

    assert_int_equal(fixture_counts(store).label_rows, 4);
    fd_label_changed next = revise(store, "l1", FD_PREFER_SKIP, -1, NULL);
    assert_int_equal(next.revision, 2);
    assert_int_equal(next.before, FD_PREFER_B);
    assert_int_equal(read_revisions(store).n, 5);
    fixture_check(store);
}

static void a_repeated_label_is_recognised_after_a_revision(void **state) {
    fd_store *store = backend_of(state);
    add_three_labels(store);
    (void)revise(store, "l1", FD_PREFER_B, -1, "later");
    fd_label_row row = fixture_label("l1", 0, 1);
    assert_int_equal(fixture_add_labels(store, &row, 1).unchanged, 1);
    row.preference = FD_PREFER_B;
    int64_t sequence;
    fd_added added;
    fixture_begin(store);
    assert_int_equal(store->operations->labels_add(store, &row, 1, &sequence, &added), -EEXIST);
    fixture_commit(store);
}

#define TESTS(X)                                                                                   \
    X(revisions_are_numbered_and_return_the_preference_before),                                    \
        X(the_history_keeps_every_revision_and_names_the_original),                                \
        X(a_revision_keeps_the_comment_and_duration_unless_it_has_its_own),                        \
        X(the_same_revision_again_changes_nothing), X(an_unknown_label_cannot_be_revised),         \
        X(only_the_annotator_of_a_label_revises_it), X(rollback_undoes_revisions),                 \
        X(a_repeated_label_is_recognised_after_a_revision)

int main(void) {
    const struct CMUnitTest tests[] = {
        TESTS(ON_MEMORY),
        TESTS(ON_SQLITE),
        TESTS(ON_POSTGRES),
    };
    return cmocka_run_group_tests_name("revisions", tests, NULL, NULL);
}
