/* A scripted run through the store, and the comparison of a store with it. */
#include "ledger.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MODEL_BYTES = 5000, MODELS_KEPT = 3, COMMENT_MAX = 1200, ITEMS_PAIRED = 4 };

/* ---- rows, each by its number ---- */

struct item {
    char id[32];
    float embedding[LEDGER_DIMENSION];
};

static fd_item_row make_item(size_t number, struct item *item) {
    (void)snprintf(item->id, sizeof(item->id), "item-%zu", number);
    for (size_t i = 0; i < LEDGER_DIMENSION; i++)
        item->embedding[i] = (float)((number * 31 + i * 7) % 101) / 8.0f;
    return (fd_item_row){.id = item->id,
                         .prompt_id = "prompt",
                         .prompt = "What is it?",
                         .embedding = item->embedding,
                         .dimension = LEDGER_DIMENSION,
                         .created_ms = 1700000000000 + (int64_t)number};
}

struct label {
    char id[32];
    char comment[COMMENT_MAX + 1];
};

static fd_label_row make_label(size_t number, uint32_t revision, struct label *label) {
    size_t length = 1 + number * 37 % COMMENT_MAX;
    (void)snprintf(label->id, sizeof(label->id), "label-%zu", number);
    memset(label->comment, (int)('a' + number % 26), length);
    label->comment[length] = '\0';
    return (fd_label_row){
        .id = label->id,
        .revision = revision,
        .item_a = (uint32_t)(number % ITEMS_PAIRED),
        .item_b = (uint32_t)((number + 1) % ITEMS_PAIRED),
        .preference = revision % 2 == 0 ? FD_PREFER_A : FD_PREFER_B,
        .annotator = "ann",
        .duration_ms = (int64_t)number,
        .created_ms = 1700000000000 + (int64_t)number,
        .comment = label->comment,
    };
}

static fd_assignment_row make_assignment(size_t number, bool ended, char id[32]) {
    (void)snprintf(id, 32, "assignment-%zu", number);
    return (fd_assignment_row){
        .id = id,
        .item_a = (uint32_t)(number % ITEMS_PAIRED),
        .item_b = (uint32_t)((number + 1) % ITEMS_PAIRED),
        .annotator = "ann",
        .slot = (int64_t)(number % 3),
        .control = number % 2 == 1,
        .p = 1.0 / (double)(number + 1),
        .gain = number % 4 == 0 ? NAN : (double)number,
        .strategy = "greedy",
        .swapped = number % 2 == 0,
        .model_version = (int64_t)number,
        .expires_ms = 1700000000000 + (int64_t)number,
        .ended_ms = ended ? 1700000000001 : -1,
    };
}

/* Each differs from the one before of its item. */
static fd_score_row make_score(size_t number) {
    return (fd_score_row){.item = (uint32_t)(number % ITEMS_PAIRED),
                          .name = number % 3 == 0 ? "judge" : "old",
                          .value = (double)number / 8,
                          .set_ms = 1700000000000 + (int64_t)number};
}

static void make_settings(uint64_t version, char settings[64]) {
    (void)snprintf(settings, 64, "{\"scores\":{\"judge\":%d}}", (int)version);
}

static void make_model_bytes(uint64_t version, uint8_t *bytes) {
    for (size_t i = 0; i < MODEL_BYTES; i++)
        bytes[i] = (uint8_t)(version * 17 + i);
}

/* ---- the script ---- */

static int add_items(fd_ledger *ledger, fd_store *store) {
    ledger_state *next = &ledger->states[ledger->acknowledged + 1];
    struct item items[ITEMS_PAIRED];
    fd_item_row rows[ITEMS_PAIRED];
    uint32_t indices[ITEMS_PAIRED];
    fd_added added;
    for (size_t i = 0; i < FD_LENGTH(rows); i++)
        rows[i] = make_item(next->items++, &items[i]);
    return store->operations->items_add(store, rows, FD_LENGTH(rows), indices, &added);
}

/* The ledger has the rows of a transaction under way after the acknowledged ones. */
static void note_row(fd_ledger *ledger, size_t label, uint32_t revision) {
    ledger_state *next = &ledger->states[ledger->acknowledged + 1];
    assert(next->rows < LEDGER_ROWS_MAX);
    ledger->rows[next->rows++] = (ledger_label){label, revision};
}

static int add_labels(fd_ledger *ledger, fd_store *store) {
    struct label labels[3];
    fd_label_row rows[FD_LENGTH(labels)];
    int64_t sequences[FD_LENGTH(labels)];
    fd_added added;
    for (size_t i = 0; i < FD_LENGTH(rows); i++) {
        rows[i] = make_label(ledger->labels + i, 0, &labels[i]);
        note_row(ledger, ledger->labels + i, 0);
    }
    return store->operations->labels_add(store, rows, FD_LENGTH(rows), sequences, &added);
}

static int revise_labels(fd_ledger *ledger, fd_store *store) {
    int r = 0;
    for (size_t i = 0; i < 2 && r == 0; i++) {
        size_t number = (ledger->acknowledged * 5 + i) % ledger->labels;
        struct label label;
        fd_label_row row = make_label(number, ledger->revisions[number] + 1, &label);
        fd_label_change change = {.id = row.id,
                                  .preference = row.preference,
                                  .duration_ms = -1,
                                  .created_ms = row.created_ms};
        fd_label_changed changed;
        note_row(ledger, number, row.revision);
        r = store->operations->label_revise(store, &change, &changed);
    }
    return r;
}

static int write_assignments(fd_ledger *ledger, fd_store *store) {
    ledger_state *next = &ledger->states[ledger->acknowledged + 1];
    char ids[3][32];
    fd_assignment_row rows[3];
    for (size_t i = 0; i < 2; i++)
        rows[i] = make_assignment(next->assigned++, false, ids[i]);
    rows[2] = make_assignment(next->ended++, true, ids[2]);
    return store->operations->assignments_write(store, rows, FD_LENGTH(rows));
}

static int set_scores(fd_ledger *ledger, fd_store *store) {
    ledger_state *next = &ledger->states[ledger->acknowledged + 1];
    fd_score_row rows[3];
    size_t changed;
    char settings[64];
    for (size_t i = 0; i < FD_LENGTH(rows); i++)
        rows[i] = make_score(next->scores++);
    make_settings(++next->project, settings);
    const fd_project_row project = {next->project, "ann", 1700000000000, settings};
    int r = store->operations->scores_add(store, rows, FD_LENGTH(rows), &changed);
    return r == 0 ? store->operations->project_add(store, &project) : r;
}

static int add_model(fd_ledger *ledger, fd_store *store) {
    ledger_state *next = &ledger->states[ledger->acknowledged + 1];
    uint8_t bytes[MODEL_BYTES];
    size_t deleted;
    uint64_t version = ++next->active;
    if (next->models < MODELS_KEPT)
        next->models++;
    make_model_bytes(version, bytes);
    fd_model_row row = {
        .version = version, .parent = version - 1, .bytes = bytes, .size = sizeof(bytes)};
    int r = store->operations->model_add(store, &row);
    if (r == 0)
        r = store->operations->model_activate(store, version);
    if (r == 0)
        r = store->operations->models_prune(store, MODELS_KEPT, version, &deleted);
    return r;
}

/* The next state is acknowledged: its rows are the newest revisions. */
static void settle_state(fd_ledger *ledger) {
    size_t before = ledger->states[ledger->acknowledged].rows;
    size_t after = ledger->states[ledger->acknowledged + 1].rows;
    for (size_t i = before; i < after; i++) {
        const ledger_label *row = &ledger->rows[i];
        ledger->revisions[row->label] = row->revision;
        if (row->revision == 0)
            ledger->labels++;
    }
    ledger->acknowledged++;
    ledger->under_way = false;
}

int ledger_run(fd_ledger *ledger, fd_store *store, ledger_step step) {
    static int (*const steps[])(fd_ledger *, fd_store *) = {
        [LEDGER_ITEMS] = add_items,        [LEDGER_LABELS] = add_labels,
        [LEDGER_REVISION] = revise_labels, [LEDGER_ASSIGNMENTS] = write_assignments,
        [LEDGER_MODEL] = add_model,        [LEDGER_SCORES] = set_scores,
    };
    assert(ledger->acknowledged + 2 < LEDGER_STEPS_MAX);
    ledger->states[ledger->acknowledged + 1] = ledger->states[ledger->acknowledged];
    int r = store->operations->begin(store);
    if (r < 0)
        return r;
    r = steps[step](ledger, store);
    if (r == 0) {
        ledger->under_way = true; /* after a restart, even a failed commit may be there */
        r = store->operations->commit(store);
    }
    if (r < 0)
        store->operations->rollback(store);
    else
        settle_state(ledger);
    return r;
}

/* ---- comparing ---- */

struct comparison {
    const fd_ledger *ledger;
    ledger_state found;
    char *finding;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static int broken(struct comparison *comparison,
                                                        const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(comparison->finding, comparison->size, format, arguments);
    va_end(arguments);
    return -EBADMSG;
}

static int compare_item(void *context, const fd_item_row *row) {
    struct comparison *comparison = context;
    struct item item;
    fd_item_row expected = make_item(comparison->found.items++, &item);
    if (strcmp(row->id, expected.id) != 0 || row->dimension != expected.dimension ||
        memcmp(row->embedding, expected.embedding, sizeof(item.embedding)) != 0 ||
        row->created_ms != expected.created_ms)
        return broken(comparison, "item %s has changed", row->id);
    return 0;
}

static int compare_label(void *context, const fd_label_row *row) {
    struct comparison *comparison = context;
    size_t place = comparison->found.rows++;
    const fd_ledger *ledger = comparison->ledger;
    if (place >= ledger->states[ledger->acknowledged + 1].rows)
        return broken(comparison, "label %s was never added", row->id);
    struct label label;
    fd_label_row expected =
        make_label(ledger->rows[place].label, ledger->rows[place].revision, &label);
    if (strcmp(row->id, expected.id) != 0 || row->revision != expected.revision ||
        row->item_a != expected.item_a || row->item_b != expected.item_b ||
        row->preference != expected.preference || row->duration_ms != expected.duration_ms ||
        !row->comment || strcmp(row->comment, expected.comment) != 0)
        return broken(comparison, "revision %u of label %s has changed", row->revision, row->id);
    return 0;
}

static int compare_model(void *context, const fd_model_row *row) {
    struct comparison *comparison = context;
    uint8_t bytes[MODEL_BYTES];
    make_model_bytes(row->version, bytes);
    comparison->found.models++;
    if (row->state == FD_MODEL_ACTIVE)
        comparison->found.active = row->version;
    if (row->size != sizeof(bytes) || memcmp(row->bytes, bytes, sizeof(bytes)) != 0)
        return broken(comparison, "model %llu has changed", (unsigned long long)row->version);
    return 0;
}

static bool same_real(double one, double other) {
    return one == other || (isnan(one) && isnan(other));
}

/* Those that have ended are not read, so the first one tells how many they are. */
static int compare_assignment(void *context, const fd_assignment_row *row) {
    struct comparison *comparison = context;
    ledger_state *found = &comparison->found;
    char id[32];
    unsigned number = 0;
    if (found->assigned == 0 && sscanf(row->id, "assignment-%u", &number) == 1)
        found->assigned = found->ended = number;
    fd_assignment_row expected = make_assignment(found->assigned++, false, id);
    if (strcmp(row->id, id) != 0 || row->item_a != expected.item_a ||
        row->item_b != expected.item_b || strcmp(row->annotator, expected.annotator) != 0 ||
        row->slot != expected.slot || row->control != expected.control || row->p != expected.p ||
        !same_real(row->gain, expected.gain) || strcmp(row->strategy, expected.strategy) != 0 ||
        row->swapped != expected.swapped || row->model_version != expected.model_version ||
        row->expires_ms != expected.expires_ms || row->ended_ms != -1)
        return broken(comparison, "assignment %s has changed", row->id);
    return 0;
}

static int compare_score(void *context, const fd_score_row *row) {
    struct comparison *comparison = context;
    fd_score_row expected = make_score(comparison->found.scores++);
    if (row->item != expected.item || strcmp(row->name, expected.name) != 0 ||
        !same_real(row->value, expected.value) || row->set_ms != expected.set_ms)
        return broken(comparison, "a score of item %u has changed", row->item);
    return 0;
}

static int compare_project(void *context, const fd_project_row *row) {
    struct comparison *comparison = context;
    char settings[64];
    make_settings(row->version, settings);
    comparison->found.project = row->version;
    if (strcmp(row->settings, settings) != 0 || strcmp(row->author, "ann") != 0)
        return broken(comparison, "the project has changed");
    return 0;
}

static int report_damage(void *context, const char *finding) {
    return broken(context, "%s", finding);
}

static int read_all(struct comparison *comparison, fd_store *store) {
    const fd_store_operations *operations = store->operations;
    int r = operations->items_read(store, 0, SIZE_MAX, true, compare_item, comparison);
    if (r == 0)
        r = operations->labels_read(store, 0, SIZE_MAX, compare_label, comparison);
    if (r == 0)
        r = operations->models_read(store, UINT64_MAX >> 1, SIZE_MAX, true, compare_model,
                                    comparison);
    if (r == 0)
        r = operations->assignments_read_open(store, compare_assignment, comparison);
    if (r == 0)
        r = operations->scores_read(store, compare_score, comparison);
    if (r == 0)
        r = operations->project_read(store, compare_project, comparison);
    return r == 0 ? operations->check(store, report_damage, comparison) : r;
}

static bool is_state(const ledger_state *one, const ledger_state *other) {
    return one->items == other->items && one->rows == other->rows && one->models == other->models &&
           one->active == other->active && one->assigned == other->assigned &&
           one->ended == other->ended && one->scores == other->scores &&
           one->project == other->project;
}

ledger_verdict ledger_compare(fd_ledger *ledger, fd_store *store, bool settle, char *finding,
                              size_t size) {
    struct comparison comparison = {.ledger = ledger, .finding = finding, .size = size};
    if (!ledger->under_way)
        ledger->states[ledger->acknowledged + 1] = ledger->states[ledger->acknowledged];
    int r = read_all(&comparison, store);
    if (r < 0) {
        if (r != -EBADMSG)
            (void)broken(&comparison, "cannot be read: %s", strerror(-r));
        return LEDGER_BROKEN;
    }
    const ledger_state *found = &comparison.found;
    if (is_state(found, &ledger->states[ledger->acknowledged]))
        return LEDGER_SOUND;
    if (ledger->under_way && is_state(found, &ledger->states[ledger->acknowledged + 1])) {
        if (settle)
            settle_state(ledger);
        return LEDGER_SOUND;
    }
    (void)broken(
        &comparison, "%zu items, %zu revisions, %zu models, not %zu, %zu, %zu", found->items,
        found->rows, found->models, ledger->states[ledger->acknowledged].items,
        ledger->states[ledger->acknowledged].rows, ledger->states[ledger->acknowledged].models);
    for (size_t i = 0; i < ledger->acknowledged; i++)
        if (is_state(found, &ledger->states[i]))
            return LEDGER_LOST;
    return LEDGER_BROKEN;
}
