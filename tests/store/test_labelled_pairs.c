/* Reading labels with their items and assignments, for every backend. */
#include "backends.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct pairs {
    size_t n;
    char line[16][96]; /* sequence, label, revision, preference, items and the prompt of a */
    fd_assignment_row assignment[16];
};

static int keep_pair(void *context, const fd_labelled_pair *pair) {
    struct pairs *kept = context;
    assert_true(kept->n < FD_LENGTH(kept->line));
    assert_string_equal(pair->label.annotator, "ann");
    assert_null(pair->a.embedding);
    (void)snprintf(kept->line[kept->n], sizeof(kept->line[0]), "%lld %s.%u %s %s %s %s",
                   (long long)pair->label.sequence, pair->label.id, pair->label.revision,
                   fd_preference_name(pair->label.preference), pair->a.id, pair->b.id,
                   pair->a.prompt ? pair->a.prompt : "-");
    kept->assignment[kept->n++] = pair->assignment;
    return 0;
}

static struct pairs read_pairs(fd_store *store, int64_t after, int64_t moment, size_t limit,
                               bool texts) {
    struct pairs kept = {0};
    assert_int_equal(store->operations->labelled_pairs_read(store, after, moment, limit, texts,
                                                            keep_pair, &kept),
                     0);
    return kept;
}

static void revise(fd_store *store, const char *id, fd_preference preference) {
    fd_label_change change = {.id = id, .preference = preference, .duration_ms = -1};
    fd_label_changed changed;
    fixture_begin(store);
    assert_int_equal(store->operations->label_revise(store, &change, &changed), 0);
    fixture_commit(store);
}

/* Sequences 1 to 3 are labels, 4 and 5 correct the second, 6 retracts the first. */
static void add_history(fd_store *store) {
    fixture_add_numbered_items(store, 3);
    fd_label_row rows[] = {fixture_label("l1", 0, 1), fixture_label("l2", 1, 2),
                           fixture_label("l3", 2, 0)};
    assert_int_equal(fixture_add_labels(store, rows, 3).created, 3);
    revise(store, "l2", FD_PREFER_B);
    revise(store, "l2", FD_PREFER_TIE);
    revise(store, "l1", FD_PREFER_RETRACTED);
}

static void each_label_comes_once_with_its_newest_revision(void **state) {
    fd_store *store = backend_of(state);
    add_history(store);
    struct pairs kept = read_pairs(store, 0, 6, SIZE_MAX, false);
    assert_int_equal(kept.n, 3);
    assert_string_equal(kept.line[0], "3 l3.0 a i2 i0 -");
    assert_string_equal(kept.line[1], "5 l2.2 tie i1 i2 -");
    assert_string_equal(kept.line[2], "6 l1.1 retracted i0 i1 -");
}

static void later_revisions_do_not_change_an_earlier_moment(void **state) {
    fd_store *store = backend_of(state);
    add_history(store);
    struct pairs kept = read_pairs(store, 0, 4, SIZE_MAX, false);
    assert_int_equal(kept.n, 3);
    assert_string_equal(kept.line[0], "1 l1.0 a i0 i1 -");
    assert_string_equal(kept.line[1], "3 l3.0 a i2 i0 -");
    assert_string_equal(kept.line[2], "4 l2.1 b i1 i2 -");
    assert_int_equal(read_pairs(store, 0, 0, SIZE_MAX, false).n, 0);
}

static void each_row_of_the_history_is_read_by_its_place(void **state) {
    static const char *const lines[] = {"1 l1.0 a i0 i1 -",   "2 l2.0 a i1 i2 -",
                                        "3 l3.0 a i2 i0 -",   "4 l2.1 b i1 i2 -",
                                        "5 l2.2 tie i1 i2 -", "6 l1.1 retracted i0 i1 -"};
    fd_store *store = backend_of(state);
    add_history(store);
    struct pairs kept = {0};
    for (int64_t sequence = 0; sequence <= 7; sequence++)
        assert_int_equal(store->operations->revision_read(store, sequence, keep_pair, &kept), 0);
    assert_int_equal(kept.n, 6);
    for (size_t i = 0; i < kept.n; i++)
        assert_string_equal(kept.line[i], lines[i]);
}

static void the_newest_revision_of_a_label_is_found_by_its_id(void **state) {
    static const struct {
        const char *id;
        int64_t sequence;
    } newest[] = {{"l1", 6}, {"l2", 5}, {"l3", 3}};
    fd_store *store = backend_of(state);
    int64_t sequence;
    add_history(store);
    for (size_t i = 0; i < FD_LENGTH(newest); i++) {
        assert_int_equal(store->operations->label_newest(store, newest[i].id, &sequence), 0);
        assert_int_equal(sequence, newest[i].sequence);
    }
    assert_int_equal(store->operations->label_newest(store, "l", &sequence), -ENOENT);
}

static void pages_of_a_moment_join_without_gaps(void **state) {
    fd_store *store = backend_of(state);
    add_history(store);
    struct pairs first = read_pairs(store, 0, 6, 2, false),
                 rest = read_pairs(store, 5, 6, 2, false);
    assert_int_equal(first.n, 2);
    assert_string_equal(first.line[1], "5 l2.2 tie i1 i2 -");
    assert_int_equal(rest.n, 1);
    assert_string_equal(rest.line[0], "6 l1.1 retracted i0 i1 -");
    assert_int_equal(read_pairs(store, 6, 6, 2, false).n, 0);
    assert_int_equal(read_pairs(store, 0, 6, 0, false).n, 0);
}

static void texts_come_when_they_are_asked_for(void **state) {
    fd_store *store = backend_of(state);
    fd_item_row items[] = {fixture_item("i0"), fixture_item("i1")};
    items[0].prompt = "why?";
    (void)fixture_add_items(store, items, 2);
    fd_label_row row = fixture_label("l1", 0, 1);
    (void)fixture_add_labels(store, &row, 1);
    assert_string_equal(read_pairs(store, 0, 1, 1, true).line[0], "1 l1.0 a i0 i1 why?");
    assert_string_equal(read_pairs(store, 0, 1, 1, false).line[0], "1 l1.0 a i0 i1 -");
}

/* ---- assignments, which the database alone keeps after their end ---- */

static void write_assignment(fd_store *store, const char *id, uint32_t a, uint32_t b,
                             const char *annotator) {
    fd_assignment_row row = {.id = id,
                             .item_a = a,
                             .item_b = b,
                             .annotator = annotator,
                             .control = true,
                             .p = 0.25,
                             .gain = NAN,
                             .strategy = "i-opt",
                             .swapped = 1,
                             .model_version = 3,
                             .ended_ms = 5};
    fixture_begin(store);
    assert_int_equal(store->operations->assignments_write(store, &row, 1), 0);
    fixture_commit(store);
}

static void a_label_has_only_the_assignment_of_its_pair_and_annotator(void **state) {
    fd_store *store = backend_of(state);
    fixture_add_numbered_items(store, 3);
    write_assignment(store, "given", 1, 0, "ann");
    write_assignment(store, "other pair", 1, 2, "ann");
    write_assignment(store, "other annotator", 0, 1, "bob");
    const char *const named[] = {"given", "other pair", "other annotator", "unknown", NULL};
    for (size_t i = 0; i < FD_LENGTH(named); i++) {
        fd_label_row row = fixture_label(fixture_text("l%zu", i), 0, 1);
        row.assignment = named[i];
        (void)fixture_add_labels(store, &row, 1);
    }
    struct pairs kept = read_pairs(store, 0, 5, SIZE_MAX, false);
    assert_int_equal(kept.n, 5);
    const fd_assignment_row *given = &kept.assignment[0];
    assert_non_null(given->id);
    assert_int_equal(given->item_a, 1);
    assert_true(given->control);
    assert_float_equal(given->p, 0.25, 0);
    assert_true(isnan(given->gain));
    assert_int_equal(given->swapped, 1);
    assert_int_equal(given->model_version, 3);
    for (size_t i = 1; i < kept.n; i++)
        assert_null(kept.assignment[i].id);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SQLITE(each_label_comes_once_with_its_newest_revision),
        ON_POSTGRES(each_label_comes_once_with_its_newest_revision),
        ON_MEMORY(each_label_comes_once_with_its_newest_revision),
        ON_SQLITE(later_revisions_do_not_change_an_earlier_moment),
        ON_POSTGRES(later_revisions_do_not_change_an_earlier_moment),
        ON_MEMORY(later_revisions_do_not_change_an_earlier_moment),
        ON_SQLITE(each_row_of_the_history_is_read_by_its_place),
        ON_POSTGRES(each_row_of_the_history_is_read_by_its_place),
        ON_MEMORY(each_row_of_the_history_is_read_by_its_place),
        ON_SQLITE(the_newest_revision_of_a_label_is_found_by_its_id),
        ON_POSTGRES(the_newest_revision_of_a_label_is_found_by_its_id),
        ON_MEMORY(the_newest_revision_of_a_label_is_found_by_its_id),
        ON_SQLITE(pages_of_a_moment_join_without_gaps),
        ON_POSTGRES(pages_of_a_moment_join_without_gaps),
        ON_MEMORY(pages_of_a_moment_join_without_gaps),
        ON_SQLITE(texts_come_when_they_are_asked_for),
        ON_POSTGRES(texts_come_when_they_are_asked_for),
        ON_MEMORY(texts_come_when_they_are_asked_for),
        ON_SQLITE(a_label_has_only_the_assignment_of_its_pair_and_annotator),
        ON_POSTGRES(a_label_has_only_the_assignment_of_its_pair_and_annotator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
