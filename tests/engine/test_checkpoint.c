/* A start with a checkpoint makes what a start without one makes, and any that does not fit the
 * store is ignored. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assignments_state.h"
#include "checkpoint_format.h"
#include "engine_state.h"
#include "fixture.h"
#include "items.h"
#include "labels.h"
#include "prior_scores.h"
#include "rng.h"
#include "sqlite_store.h"
#include "thread.h"

enum { HASH = 32, STEPS = 400, PEOPLE = 5 };

/* ---- a folder with a database ---- */

struct place {
    char folder[64], db[96], copy[96], checkpoint[96], kept[96], log[96];
    fd_engine_options options;
    size_t items, labels; /* that were made so far */
    fd_rng rng;
};

static void place_begin(struct place *place, uint64_t seed) {
    *place = (struct place){.options = fixture_options(), .rng = fd_rng_seeded(seed)};
    (void)snprintf(place->folder, sizeof(place->folder), "/tmp/fisherd-checkpoint-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->db, sizeof(place->db), "%s/db", place->folder);
    (void)snprintf(place->copy, sizeof(place->copy), "%s/copy", place->folder);
    (void)snprintf(place->checkpoint, sizeof(place->checkpoint), "%s/checkpoint", place->folder);
    (void)snprintf(place->kept, sizeof(place->kept), "%s/kept", place->folder);
    (void)snprintf(place->log, sizeof(place->log), "%s/log", place->folder);
    place->options.checkpoint = place->checkpoint;
    place->options.checkpoint_rows = 9; /* less than a tenth of it at the end: any number */
    place->options.program = "1.2.3";
    place->options.redundancy = 2;
    place->options.redundancy_share = 0.5;
}

static void place_clear(struct place *place) {
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", place->folder);
    assert_int_equal(system(command), 0);
}

static void copy_file(const char *from, const char *to) {
    char command[256];
    (void)snprintf(command, sizeof(command), "cp %s %s", from, to);
    assert_int_equal(system(command), 0);
}

static fd_engine *open_place(const struct place *place) {
    fd_store *store;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_sqlite(place->db, &store, &fault), 0);
    return fixture_open(&place->options, store);
}

static fd_engine *open_without(const struct place *place) {
    struct place without = *place;
    without.options.checkpoint = NULL;
    return open_place(&without);
}

/* Opens an engine, and fills `log` with what that wrote into the log. */
static fd_engine *open_with_log(const struct place *place, char log[static 4096]) {
    int to = open(place->log, O_RDWR | O_CREAT | O_TRUNC, 0600), before = dup(STDERR_FILENO);
    assert_true(to >= 0 && before >= 0);
    assert_true(dup2(to, STDERR_FILENO) >= 0);
    fd_engine *engine = open_place(place);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    ssize_t n = pread(to, log, 4095, 0);
    assert_true(n >= 0);
    log[n] = '\0';
    (void)close(to);
    (void)close(before);
    return engine;
}

static unsigned char *read_file(const char *path, size_t *ret_size) {
    struct stat status;
    int file = open(path, O_RDONLY);
    assert_true(file >= 0 && fstat(file, &status) == 0);
    *ret_size = (size_t)status.st_size;
    unsigned char *bytes = malloc(*ret_size + 1);
    assert_non_null(bytes);
    assert_int_equal(read(file, bytes, *ret_size), status.st_size);
    (void)close(file);
    return bytes;
}

static void write_file(const char *path, const unsigned char *bytes, size_t size) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, size), (ssize_t)size);
    (void)close(file);
}

/* ---- a history ---- */

static size_t below(struct place *place, size_t n) {
    return (size_t)fd_rng_below(&place->rng, n);
}

static void add_item(struct place *place, fd_engine *engine) {
    static const char *const responses[] = {"one", "two", " ", "the third response", NULL};
    char id[32], prompt[32];
    float embedding[DIMENSION];
    fd_added added;
    fd_fault fault = {0};
    const char *response = responses[below(place, FD_LENGTH(responses))];
    for (size_t i = 0; i < DIMENSION; i++)
        embedding[i] = (float)(fd_rng_uniform(&place->rng) - 0.5);
    (void)snprintf(id, sizeof(id), "item-%zu", place->items++);
    (void)snprintf(prompt, sizeof(prompt), "prompt-%zu", below(place, 12));
    fd_item_score score = {.name = "judge", .value = fd_rng_uniform(&place->rng)};
    fd_item_row row = {.id = id,
                       .prompt_id = prompt,
                       .prompt = response ? prompt : NULL,
                       .response = response,
                       .embedding = embedding,
                       .dimension = DIMENSION,
                       .scores = &score,
                       .n_scores = below(place, 2)};
    assert_int_equal(fd_engine_items_add(engine, &row, 1, &added, &fault), 0);
}

static const char *person(struct place *place) {
    static const char *const people[PEOPLE] = {"anna", "bert", "carla", "dirk", "ewa"};
    return people[below(place, PEOPLE)];
}

static void add_label(struct place *place, fd_engine *engine) {
    char id[32], a[32], b[32];
    fd_added added;
    fd_fault fault = {0};
    size_t first = below(place, place->items), step = 1 + below(place, place->items - 1);
    (void)snprintf(id, sizeof(id), "label-%zu", place->labels++);
    (void)snprintf(a, sizeof(a), "item-%zu", first);
    (void)snprintf(b, sizeof(b), "item-%zu", (first + step) % place->items);
    fd_label label = {.id = id,
                      .a = a,
                      .b = b,
                      .preference = (fd_preference)below(place, 4),
                      .annotator = person(place),
                      .duration_ms = (int64_t)below(place, 9) - 1};
    assert_int_equal(fd_engine_labels_add(engine, &label, 1, &added, &fault), 0);
}

static void answer_one(struct place *place, fd_engine *engine) {
    fixture_hand hand;
    const char *name = person(place);
    if (fixture_assign(engine, name, 1, 0, &hand) == 1 && below(place, 4) > 0)
        assert_int_equal(fixture_answer(engine, place->labels++, name, &hand.given[0],
                                        (fd_preference)below(place, 4)),
                         0);
}

/* Some labels have the id of fixture_answer, which is that of fixture_revise. */
static void revise_one(struct place *place, fd_engine *engine) {
    static const fd_preference to[] = {FD_PREFER_A, FD_PREFER_B, FD_PREFER_SKIP,
                                       FD_PREFER_RETRACTED};
    int r = fixture_revise(engine, below(place, place->labels), to[below(place, 4)]);
    assert_true(r == 0 || r == -ENOENT);
}

static void work(struct place *place, fd_engine *engine, size_t steps) {
    while (place->items < 20)
        add_item(place, engine);
    for (size_t i = 0; i < steps; i++) {
        size_t what = below(place, 10);
        if (what < 2)
            add_item(place, engine);
        else if (what < 5)
            add_label(place, engine);
        else if (what < 8 || place->labels == 0)
            answer_one(place, engine);
        else
            revise_one(place, engine);
    }
}

/* ---- all that can be seen ---- */

static void print_items(FILE *to, const fd_engine *engine) {
    const fd_item_table *items = &engine->items;
    for (size_t i = 0; i < items->count; i++) {
        const fd_item_entry *entry = &items->entries[i];
        fprintf(to, "%s %u %u %llu %llu %u %g:", entry->id, entry->prompt, entry->shown_bytes,
                (unsigned long long)entry->texts.response, (unsigned long long)entry->texts.shown,
                fd_item_table_find(items, entry->id), *fd_growing_matrix_row(engine->groups, i));
        for (size_t k = 0; k < FD_TEXT_FEATURES; k++)
            fprintf(to, " %a", fd_growing_matrix_row(engine->text_features, i)[k]);
        fprintf(to, " %a\n", fd_score_table_at(&engine->scores, 0, (uint32_t)i));
    }
    fprintf(to, "%zu numbers each, ", engine->dimension);
    fprintf(to, "%zu items with text, %llu pairs, %zu paired\n", items->with_text,
            (unsigned long long)items->pairs, items->paired_count);
    for (size_t i = 0; i < items->prompt_count; i++) {
        fprintf(to, "%s %llu:", items->prompts[i].id, (unsigned long long)items->pair_sums[i]);
        for (size_t k = 0; k < items->prompts[i].count; k++)
            fprintf(to, " %u", fd_prompt_items(&items->prompts[i])[k]);
        fprintf(to, "\n");
    }
}

static void print_labels(FILE *to, const fd_engine *engine) {
    const fd_label_table *labels = &engine->labels;
    for (size_t i = 0; i < labels->count; i++) {
        const fd_label_revision *row = &labels->revisions[i];
        fprintf(to, "%u-%u %u %s %u %u %d %x %lld %lld %llx, labelled %u\n", row->pair.a,
                row->pair.b, row->label, fd_annotators_name(engine->annotators, row->annotator),
                row->preference, row->newest, row->information, row->origin,
                (long long)row->created_ms, (long long)row->duration_ms,
                (unsigned long long)row->assignment,
                fd_pair_set_count(&labels->labelled, row->pair.a, row->pair.b));
    }
    fprintf(to, "%zu count, %zu pairs, %zu claims:", labels->counting, labels->labelled.used,
            labels->claims.used);
    for (size_t i = 0; i <= FD_PREFER_RETRACTED; i++)
        fprintf(to, " %zu", labels->by_preference[i]);
    fprintf(to, "\n");
    for (uint32_t i = 0; i < PEOPLE && i < fd_annotators_count(engine->annotators); i++)
        fprintf(to, "%s\n", fd_annotators_name(engine->annotators, i));
}

/* Without what a refill changes meanwhile. */
static void print_records(FILE *to, fd_engine *engine) {
    FD_LOCKED(&engine->assignments->lock);
    uint32_t n = (uint32_t)engine->items.count;
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = a + 1; b < n; b++) {
            fd_pair_record *record =
                fd_pair_records_find(&engine->assignments->records, (fi_pair){a, b});
            if (!record || record->n_annotators == 0)
                continue;
            fprintf(to, "%u-%u %u %u %u %zu:", a, b, record->answered, record->skipped,
                    record->open, fd_pair_record_annotators_wanted(&engine->options, record));
            for (uint32_t i = 0; i < PEOPLE && i < fd_annotators_count(engine->annotators); i++)
                fprintf(to, " %d", fd_pair_record_has_annotator(record, i));
            fprintf(to, "\n");
        }
}

static void print_figures(FILE *to, fd_engine *engine) {
    FD_CLEANUP(fd_stats_clear) fd_stats stats = fixture_stats(engine);
    fd_model_info model = fixture_model(engine);
    fprintf(to, "%llu labels, %llu active, %llu control, %llu foretold, %zu leases, %a\n",
            (unsigned long long)stats.all.labels, (unsigned long long)stats.active.labels,
            (unsigned long long)stats.control.labels, (unsigned long long)stats.all.foretold,
            stats.open_leases, model.logdet);
    for (size_t i = 0; i < stats.n_annotators; i++)
        fprintf(to, "%s %llu\n", stats.annotators[i].name,
                (unsigned long long)stats.annotators[i].tally.labels);
    for (uint64_t seed = 1; seed < 4; seed++) {
        fd_selection_request request = fixture_request(5, (fi_scope)(seed - 1), seed);
        fd_selection_result result;
        fd_fault fault = {0};
        if (fd_engine_select(engine, &request, &result, &fault) < 0) {
            fprintf(to, "%s\n", fault.detail); /* there are too few pairs */
            continue;
        }
        for (size_t i = 0; i < result.count; i++)
            fprintf(to, "%s-%s %a\n", result.pairs[i].a, result.pairs[i].b, result.pairs[i].gain);
        fd_selection_result_clear(&result);
    }
}

static char *print_all(fd_engine *engine) {
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    print_items(to, engine);
    print_labels(to, engine);
    print_records(to, engine);
    print_figures(to, engine);
    assert_int_equal(fclose(to), 0);
    return text;
}

static char *print_and_close(fd_engine *engine) {
    char *text = print_all(engine);
    fd_engine_close(engine);
    return text;
}

/* ---- tests ---- */

static void the_tables_are_those_of_a_start_without_a_checkpoint(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        FD_CLEANUP(place_clear) struct place place;
        char log[4096];
        place_begin(&place, seed);
        fd_engine *engine = open_place(&place);
        work(&place, engine, STEPS);
        fd_engine_close(engine);
        assert_int_equal(access(place.checkpoint, F_OK), 0);
        copy_file(place.checkpoint, place.kept);
        if (seed % 2 == 0) { /* rows that are newer than the checkpoint */
            engine = open_place(&place);
            work(&place, engine, STEPS / 4);
            fd_engine_close(engine);
            copy_file(place.kept, place.checkpoint);
        }
        FD_FREE char *expected = print_and_close(open_without(&place));
        engine = open_with_log(&place, log);
        assert_non_null(strstr(log, "event=checkpoint-read"));
        FD_FREE char *text = print_and_close(engine);
        assert_string_equal(text, expected);
    }
}

static void one_that_was_written_while_rows_came_is_right(void **state) {
    (void)state;
    FD_CLEANUP(place_clear) struct place place;
    char log[4096];
    place_begin(&place, 11);
    place.options.checkpoint_rows = 100;
    fd_engine *engine = open_place(&place);
    for (size_t i = 0; i < 100 && access(place.checkpoint, F_OK) < 0; i++)
        work(&place, engine, 50);
    copy_file(place.checkpoint, place.kept);
    work(&place, engine, 50);
    fd_engine_close(engine);
    copy_file(place.kept, place.checkpoint);
    FD_FREE char *expected = print_and_close(open_without(&place));
    engine = open_with_log(&place, log);
    assert_non_null(strstr(log, "event=checkpoint-read"));
    FD_FREE char *text = print_and_close(engine);
    assert_string_equal(text, expected);
}

/* The start ignores the checkpoint for a reason, and makes the same without it. */
static void expect_ignored(const struct place *place, const char *reason) {
    char log[4096];
    FD_FREE char *expected = print_and_close(open_without(place));
    fd_engine *engine = open_with_log(place, log);
    assert_non_null(strstr(log, "event=checkpoint-ignored"));
    if (!strstr(log, reason))
        fail_msg("no \"%s\" in %s", reason, log);
    FD_FREE char *text = print_and_close(engine);
    assert_string_equal(text, expected);
}

static void begin_with_checkpoint(struct place *place, uint64_t seed) {
    place_begin(place, seed);
    fd_engine *engine = open_place(place);
    work(place, engine, 60);
    fd_engine_close(engine);
    copy_file(place->checkpoint, place->kept);
}

static void one_with_another_byte_anywhere_is_ignored(void **state) {
    (void)state;
    FD_CLEANUP(place_clear) struct place place;
    begin_with_checkpoint(&place, 21);
    size_t size;
    FD_FREE unsigned char *bytes = read_file(place.kept, &size);
    for (size_t at = 0; at < size; at += at < 100 || at + 40 > size ? 13 : size / 40) {
        bytes[at] ^= (unsigned char)(1 + below(&place, 255));
        write_file(place.checkpoint, bytes, size);
        expect_ignored(&place, "it is damaged");
        copy_file(place.kept, place.checkpoint);
        free(bytes);
        bytes = read_file(place.kept, &size);
    }
}

static void one_that_was_cut_or_grew_is_ignored(void **state) {
    (void)state;
    FD_CLEANUP(place_clear) struct place place;
    begin_with_checkpoint(&place, 22);
    size_t size;
    FD_FREE unsigned char *bytes = read_file(place.kept, &size);
    const size_t sizes[] = {0,        1,         31,        32,       33,      100,
                            size / 2, size - 33, size - 32, size - 1, size + 1};
    bytes[size] = 0;
    for (size_t i = 0; i < FD_LENGTH(sizes); i++) {
        write_file(place.checkpoint, bytes, sizes[i]);
        expect_ignored(&place, "it is damaged");
    }
}

static void one_of_another_store_is_ignored(void **state) {
    (void)state;
    FD_CLEANUP(place_clear) struct place place;
    FD_CLEANUP(place_clear) struct place other;
    begin_with_checkpoint(&place, 23);
    begin_with_checkpoint(&other, 24);
    copy_file(other.kept, place.checkpoint);
    expect_ignored(&place, "it is damaged"); /* the key of its hash is another one */
}

static void one_is_ignored_once_a_backup_is_restored(void **state) {
    (void)state;
    FD_CLEANUP(place_clear) struct place place;
    begin_with_checkpoint(&place, 25);
    copy_file(place.db, place.copy);
    fd_engine *engine = open_place(&place);
    work(&place, engine, 60);
    fd_engine_close(engine);
    copy_file(place.checkpoint, place.kept);
    copy_file(place.copy, place.db);
    expect_ignored(&place, "the store has another history");

    /* The history goes on, and has as many rows again, but others. */
    copy_file(place.copy, place.db);
    engine = open_without(&place);
    place.items = engine->items.count;
    work(&place, engine, 200);
    fd_engine_close(engine);
    copy_file(place.kept, place.checkpoint);
    expect_ignored(&place, "the store has another history");
}

static void one_of_another_program_is_ignored(void **state) {
    (void)state;
    FD_CLEANUP(place_clear) struct place place;
    begin_with_checkpoint(&place, 27);
    place.options.program = "1.2.4";
    expect_ignored(&place, "another version of the program wrote it");
}

static void one_with_other_text_features_is_ignored(void **state) {
    (void)state;
    FD_CLEANUP(place_clear) struct place place;
    begin_with_checkpoint(&place, 28);
    place.options.text_features = false;
    expect_ignored(&place, "the text features are others");
}

/* ---- rows that somebody changed ---- */

static void change_rows(const char *db, const char *statements) {
    char command[512];
    (void)snprintf(
        command, sizeof(command),
        "python3 -c \"import sqlite3; d = sqlite3.connect('%s'); d.executescript('%s')\"", db,
        statements);
    assert_int_equal(system(command), 0);
}

static void one_is_ignored_where_the_last_label_is_another(void **state) {
    (void)state;
    FD_CLEANUP(place_clear) struct place place;
    begin_with_checkpoint(&place, 29);
    change_rows(place.db, "DROP TRIGGER labels_are_not_updated; UPDATE labels SET created_ms = "
                          "created_ms + 1 WHERE sequence = (SELECT max(sequence) FROM labels)");
    expect_ignored(&place, "the store has other rows");
}

static void one_is_ignored_where_labels_are_missing(void **state) {
    (void)state;
    FD_CLEANUP(place_clear) struct place place;
    begin_with_checkpoint(&place, 30);
    change_rows(place.db, "DROP TRIGGER labels_are_not_deleted; DELETE FROM labels WHERE sequence ="
                          " (SELECT max(sequence) FROM labels)");
    expect_ignored(&place, "the store has other rows");
}

/* As docs/OPERATIONS.md tells those whose text features are wrong. */
static void one_is_ignored_where_the_text_features_were_deleted(void **state) {
    (void)state;
    FD_CLEANUP(place_clear) struct place place;
    place_begin(&place, 35);
    fd_engine *engine = open_place(&place);
    float embedding[DIMENSION] = {1};
    fd_added added;
    fd_fault fault = {0};
    work(&place, engine, 20);
    fd_item_row row = {.id = "last",
                       .prompt_id = "prompt",
                       .prompt = "a question",
                       .response = "an answer",
                       .embedding = embedding,
                       .dimension = DIMENSION};
    assert_int_equal(fd_engine_items_add(engine, &row, 1, &added, &fault), 0);
    fd_engine_close(engine);
    change_rows(place.db, "DELETE FROM item_text_features");
    char log[4096];
    fd_engine_close(open_with_log(&place, log));
    assert_non_null(strstr(log, "the store has other rows"));
}

/* ---- forged ones ---- */

/* Whoever can read the database can make a hash: then no byte may break the start. */
static void sign(const struct place *place, unsigned char *bytes, size_t size) {
    unsigned char key[FD_ASSIGNMENT_KEY_SIZE];
    fd_store *store;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_sqlite(place->db, &store, &fault), 0);
    assert_int_equal(store->operations->assignment_key(store, key), 0);
    fd_store_close(store);
    assert_int_equal(
        crypto_generichash(bytes + size - HASH, HASH, bytes, size - HASH, key, sizeof(key)), 0);
}

static void no_forged_byte_breaks_the_start(void **state) {
    (void)state;
    FD_CLEANUP(place_clear) struct place place;
    begin_with_checkpoint(&place, 31);
    size_t size;
    FD_FREE unsigned char *bytes = read_file(place.kept, &size);
    for (size_t i = 0; i < 150; i++) {
        FD_FREE unsigned char *forged = malloc(size);
        char log[4096];
        memcpy(forged, bytes, size);
        for (size_t k = below(&place, 3) + 1; k > 0; k--)
            forged[FD_LENGTH(((fd_checkpoint_header *)0)->magic) +
                   below(&place, size - HASH - 16)] =
                i % 2 ? (unsigned char)below(&place, 256) : 0xff;
        sign(&place, forged, size);
        write_file(place.checkpoint, forged, size);
        fd_engine_close(open_with_log(&place, log));
        assert_non_null(strstr(log, "event=checkpoint-"));
    }
}

static void a_forged_row_is_found(void **state) {
    (void)state;
    FD_CLEANUP(place_clear) struct place place;
    begin_with_checkpoint(&place, 32);
    size_t size;
    FD_FREE unsigned char *bytes = read_file(place.kept, &size);
    /* The last revision, whose annotator came before: items, label, annotator, preference. */
    size_t last = size - HASH - sizeof(fd_checkpoint_revision);
    const size_t members[] = {0, 4, 8, 12, 42};
    for (size_t i = 0; i < FD_LENGTH(members); i++) {
        FD_FREE unsigned char *forged = malloc(size);
        memcpy(forged, bytes, size);
        memset(forged + last + members[i], 0x7f, members[i] == 42 ? 2 : 4);
        sign(&place, forged, size);
        write_file(place.checkpoint, forged, size);
        expect_ignored(&place, "it is damaged");
    }
}

static void what_a_crash_left_of_one_is_in_nobodys_way(void **state) {
    (void)state;
    FD_CLEANUP(place_clear) struct place place;
    char log[4096], left[128];
    begin_with_checkpoint(&place, 33);
    (void)snprintf(left, sizeof(left), "%s.new", place.checkpoint);
    copy_file(place.checkpoint, left);
    assert_int_equal(truncate(left, 100), 0);
    fd_engine *engine = open_with_log(&place, log);
    assert_non_null(strstr(log, "event=checkpoint-read"));
    work(&place, engine, 20);
    fd_engine_close(engine);
    assert_int_equal(access(left, F_OK), -1);
    fd_engine_close(open_with_log(&place, log));
    assert_non_null(strstr(log, "event=checkpoint-read"));
}

static void an_empty_store_has_none(void **state) {
    (void)state;
    FD_CLEANUP(place_clear) struct place place;
    place_begin(&place, 34);
    fd_engine_close(open_place(&place));
    assert_int_equal(access(place.checkpoint, F_OK), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_are_those_of_a_start_without_a_checkpoint),
        cmocka_unit_test(one_that_was_written_while_rows_came_is_right),
        cmocka_unit_test(one_with_another_byte_anywhere_is_ignored),
        cmocka_unit_test(one_that_was_cut_or_grew_is_ignored),
        cmocka_unit_test(one_of_another_store_is_ignored),
        cmocka_unit_test(one_is_ignored_once_a_backup_is_restored),
        cmocka_unit_test(one_of_another_program_is_ignored),
        cmocka_unit_test(one_with_other_text_features_is_ignored),
        cmocka_unit_test(one_is_ignored_where_the_last_label_is_another),
        cmocka_unit_test(one_is_ignored_where_labels_are_missing),
        cmocka_unit_test(one_is_ignored_where_the_text_features_were_deleted),
        cmocka_unit_test(no_forged_byte_breaks_the_start),
        cmocka_unit_test(a_forged_row_is_found),
        cmocka_unit_test(what_a_crash_left_of_one_is_in_nobodys_way),
        cmocka_unit_test(an_empty_store_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
