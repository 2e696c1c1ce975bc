/*
 * Power cuts at every sync, and in between: data that is not synced is dropped, kept, kept in part
 * or torn. A cut copies what a model of the disk would have left, while the run goes on; the copy
 * is opened as a daemon would open it.
 *
 * FISHERD_LONG=1 runs more scripts.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "disk.h"
#include "folder.h"
#include "ledger.h"
#include "sqlite_backend.h"
#include "sqlite_schema.h"
#include "sqlite_store.h"

struct run;

/* Compares the store that a cut left with what must be in it. */
typedef ledger_verdict look(struct run *run, fd_store *store);

struct run {
    look *look;
    char folder[64]; /* of the database */
    char after[64];  /* for the files that a cut leaves */
    char path[96];
    char backup[96];
    fd_disk *disk;
    fd_ledger ledger;
    fd_rng rng;
    size_t step;
    bool backed_up;
    bool cutting;
    bool normal; /* the control: a commit does not sync */
    size_t cuts;
    size_t lost;
    char finding[256];
};

/* ---- looking at what a cut leaves ---- */

static bool is_whole(const char *path) {
    static const char check[] = "SELECT integrity_check FROM pragma_integrity_check"
                                " WHERE (SELECT count(*) FROM labels) >= 0";
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    bool whole = sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
                 sqlite3_prepare_v2(database, check, -1, &statement, NULL) == SQLITE_OK &&
                 sqlite3_step(statement) == SQLITE_ROW &&
                 strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(database);
    return whole;
}

/* A backup with its final name is whole, and an acknowledged one has that name. */
static bool copies_are_whole(const struct run *run) {
    char copy[192];
    static const char *const names[] = {"test.db.before-0002", "test.db.before-0005", "backup.db"};
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        (void)snprintf(copy, sizeof(copy), "%s/%s", run->after, names[i]);
        if (folder_has(copy) ? !is_whole(copy) : i == 2 && run->backed_up)
            return false;
    }
    return true;
}

static ledger_verdict look_after(struct run *run) {
    char path[192];
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    fd_fault fault = {0};
    (void)snprintf(path, sizeof(path), "%s/test.db", run->after);
    int r = fd_store_open_sqlite(path, &store, &fault);
    if (r < 0) {
        (void)snprintf(run->finding, sizeof(run->finding), "it does not open: %.200s",
                       fault.detail);
        return LEDGER_BROKEN;
    }
    if (!copies_are_whole(run)) {
        (void)snprintf(run->finding, sizeof(run->finding), "a copy is not whole");
        return LEDGER_BROKEN;
    }
    return run->look(run, store);
}

static ledger_verdict look_at_ledger(struct run *run, fd_store *store) {
    return ledger_compare(&run->ledger, store, false, run->finding, sizeof(run->finding));
}

static void cut(struct run *run, disk_fate fate, const shim_event *event) {
    folder_empty(run->after);
    run->cutting = true;
    disk_cut(run->disk, fate, &run->rng, run->after);
    ledger_verdict verdict = look_after(run);
    run->cutting = false;
    run->cuts++;
    run->lost += verdict == LEDGER_LOST;
    if (verdict == LEDGER_BROKEN || (verdict == LEDGER_LOST && !run->normal))
        fail_msg("cut %zu, step %zu, before %s of %s, fate %d: %s", run->cuts, run->step,
                 shim_call_name(event->call), event->path, (int)fate, run->finding);
}

/* ---- the moments of a cut ---- */

static int before(void *context, const shim_event *event) {
    static const bool is_ordering[SHIM_CALL_COUNT] = {
        [SHIM_SYNC] = true, [SHIM_RENAME] = true, [SHIM_LINK] = true, [SHIM_DELETE] = true};
    struct run *run = context;
    bool ours = disk_holds(run->disk, event->path) || strcmp(event->path, run->folder) == 0;
    if (run->cutting || !ours)
        return SQLITE_OK;
    if (is_ordering[event->call]) {
        cut(run, DISK_DROPPED, event);
        cut(run, run->cuts % 3 == 0 ? DISK_KEPT : DISK_MIXED, event);
        cut(run, DISK_TORN, event);
    } else if (event->call == SHIM_WRITE && fd_rng_below(&run->rng, 24) == 0) {
        cut(run, (disk_fate)fd_rng_below(&run->rng, DISK_FATE_COUNT), event);
    }
    return SQLITE_OK;
}

static void after(void *context, const shim_event *event) {
    struct run *run = context;
    if (!run->cutting)
        disk_note(run->disk, event);
}

/* ---- the script ---- */

/* A database with the first schema, before the first cut. */
static void make_first_schema(const char *path) {
    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, fd_sqlite_migrations[0].sql, NULL, NULL, NULL),
                     SQLITE_OK);
    char sql[96];
    (void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = 1",
                   FD_SQLITE_APPLICATION_ID);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static fd_store *open_store(struct run *run) {
    fd_store *store = NULL;
    fd_fault fault = {0};
    if (fd_store_open_sqlite(run->path, &store, &fault) < 0)
        fail_msg("%s", fault.detail);
    fd_sqlite_connection *writer = &((fd_sqlite_store *)store)->writer;
    assert_int_equal(fd_sqlite_execute(writer, "PRAGMA wal_autocheckpoint = 16"), 0);
    if (run->normal)
        assert_int_equal(fd_sqlite_execute(writer, "PRAGMA synchronous = NORMAL"), 0);
    return store;
}

static void back_up(struct run *run, fd_store *store) {
    fd_backup made;
    fd_fault fault = {0};
    int r = store->operations->back_up(store, run->backup, NULL, NULL, &made, &fault);
    if (r < 0)
        fail_msg("%s", fault.detail);
    run->backed_up = true;
}

static void make_folders(struct run *run) {
    folder_make(run->folder, sizeof(run->folder));
    folder_make(run->after, sizeof(run->after));
    (void)snprintf(run->path, sizeof(run->path), "%s/test.db", run->folder);
    (void)snprintf(run->backup, sizeof(run->backup), "%s/backup.db", run->folder);
}

static void play(struct run *run, size_t steps, bool older) {
    shim_hooks hooks = {before, after, run};
    make_folders(run);
    if (older)
        make_first_schema(run->path);
    run->disk = disk_new(run->folder);
    shim_set_hooks(&hooks);

    fd_store *store = open_store(run);
    assert_int_equal(ledger_run(&run->ledger, store, LEDGER_ITEMS), 0);
    assert_int_equal(ledger_run(&run->ledger, store, LEDGER_LABELS), 0);
    for (run->step = 0; run->step < steps; run->step++) {
        if (run->step == steps / 2 && !run->normal) /* stop and start again */
            fd_store_close(store), store = open_store(run);
        if (run->step == steps / 3 && !run->normal)
            back_up(run, store);
        ledger_step step = (ledger_step)fd_rng_below(&run->rng, LEDGER_STEP_COUNT);
        assert_int_equal(ledger_run(&run->ledger, store, step), 0);
    }
    fd_store_close(store);
    shim_set_hooks(NULL);
    disk_free(run->disk);
    folder_remove(run->folder);
    folder_remove(run->after);
}

static size_t scripts(void) {
    return getenv("FISHERD_LONG") ? 12 : 2;
}

static void a_power_cut_loses_no_acknowledged_transaction_and_halves_none(void **state) {
    (void)state;
    size_t cuts = 0, transactions = 0, steps = getenv("FISHERD_LONG") ? 40 : 16;
    for (size_t i = 0; i < scripts(); i++) {
        static struct run run;
        run = (struct run){.look = look_at_ledger, .rng = fd_rng_seeded(i)};
        play(&run, steps, i % 2 == 1);
        cuts += run.cuts;
        transactions += run.ledger.acknowledged;
    }
    print_message("power: %zu cuts of %zu transactions, nothing lost\n", cuts, transactions);
    assert_true(cuts > scripts() * 100);
}

/* The control: cuts prove something only if they also find losses where there are some. */
static void without_a_sync_of_each_commit_cuts_lose_answers(void **state) {
    (void)state;
    static struct run run;
    run = (struct run){.look = look_at_ledger, .rng = fd_rng_seeded(1), .normal = true};
    play(&run, 16, false);
    print_message("power: without a sync of each commit %zu of %zu cuts lose answers\n", run.lost,
                  run.cuts);
    assert_true(run.lost > 0);
}

/* ---- the migration of a database with answers ---- */

enum { OLD_ITEMS = 40, OLD_LABELS = 90 };

/* Embeddings and texts that fill many pages; every third label names no assignment, or one that no
 * version of the program made. */
static const char fill_fourth_schema[] =
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 39)"
    " INSERT INTO items (idx, id, prompt_id, created_ms, dimension, prompt, embedding)"
    " SELECT i, 'item-' || i, 'prompt-' || i / 4, i, 300, printf('%.*c', 700, 'x'),"
    " CAST(substr(printf('%05d', i) || printf('%.*c', 1200, 'e'), 1, 1200) AS BLOB) FROM n;"
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 89)"
    " INSERT INTO labels (id, revision, item_a, item_b, preference, annotator, assignment,"
    " duration_ms, created_ms) SELECT 'label-' || i, 0, i % 40, (i + 1) % 40, 'a', 'ann-' || i % 7,"
    " CASE i % 3 WHEN 0 THEN printf('%s%03x-%024x', CASE i % 2 WHEN 0 THEN 'a' ELSE 'c' END, i * 40,"
    " i) WHEN 1 THEN 'forged-' || i END, i, 1000 + i FROM n;"
    "INSERT INTO labels (id, revision, item_a, item_b, preference, annotator, assignment,"
    " duration_ms, created_ms) SELECT id, 1, item_a, item_b, 'b', annotator, assignment, 5, 2000"
    " FROM labels WHERE sequence % 5 = 0";

static void make_fourth_schema(const char *path) {
    sqlite3 *database = NULL;
    char sql[96];
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(sqlite3_exec(database, fd_sqlite_migrations[i].sql, NULL, NULL, NULL),
                         SQLITE_OK);
    (void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = 4",
                   FD_SQLITE_APPLICATION_ID);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, fill_fourth_schema, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

struct old_rows {
    struct run *run;
    size_t items, labels, revisions, assigned;
};

static int differs(struct run *run, const char *what, const char *id) {
    (void)snprintf(run->finding, sizeof(run->finding), "%s %.60s has changed", what, id);
    return -EBADMSG;
}

static int compare_old_item(void *context, const fd_item_row *row) {
    struct old_rows *rows = context;
    char id[32], begin[8];
    (void)snprintf(id, sizeof(id), "item-%zu", rows->items);
    (void)snprintf(begin, sizeof(begin), "%05zu", rows->items);
    bool same = row->index == rows->items++ && strcmp(row->id, id) == 0 && row->prompt &&
                strlen(row->prompt) == 700 && row->dimension == 300 &&
                memcmp(row->embedding, begin, 5) == 0;
    return same ? 0 : differs(rows->run, "item", row->id);
}

static int compare_old_label(void *context, const fd_label_row *row) {
    struct old_rows *rows = context;
    rows->assigned += row->is_old_assignment;
    if (row->revision > 0)
        return ++rows->revisions, 0;
    size_t i = rows->labels++;
    char id[32], assignment[64] = "";
    (void)snprintf(id, sizeof(id), "label-%zu", i);
    if (i % 3 == 0)
        (void)snprintf(assignment, sizeof(assignment), "%c%03zx-%024zx", i % 2 ? 'c' : 'a', i * 40,
                       i);
    if (i % 3 == 1)
        (void)snprintf(assignment, sizeof(assignment), "forged-%zu", i);
    bool same = strcmp(row->id, id) == 0 && row->item_a == i % OLD_ITEMS &&
                row->item_b == (i + 1) % OLD_ITEMS && row->duration_ms == (int64_t)i &&
                strcmp(row->assignment ? row->assignment : "", assignment) == 0 &&
                row->is_old_assignment == (i % 3 == 0);
    return same ? 0 : differs(rows->run, "label", row->id);
}

/* Arms and probabilities, as the ids told them. */
static bool arms_are_kept(fd_store *store) {
    static const char query[] =
        "SELECT count(*) = 30 AND sum(arm = 'control') = 15 AND total(ended_ms IS NULL) = 0"
        " AND max(abs(p * 4094 - 40 * (ended_ms - 1000))) < 1e-6"
        " AND total(swapped IS NOT NULL OR gain IS NOT NULL OR expires_ms IS NOT NULL) = 0"
        " FROM assignments";
    int64_t kept = 0;
    fd_sqlite_connection *writer = &((fd_sqlite_store *)store)->writer;
    return fd_sqlite_query_integer(writer, query, &kept) == 0 && kept == 1;
}

static int report_damage(void *context, const char *finding) {
    return differs(context, "the database:", finding);
}

static ledger_verdict look_at_old_rows(struct run *run, fd_store *store) {
    struct old_rows rows = {.run = run};
    const fd_store_operations *operations = store->operations;
    int r = operations->items_read(store, 0, SIZE_MAX, true, compare_old_item, &rows);
    if (r == 0)
        r = operations->labels_read(store, 0, SIZE_MAX, compare_old_label, &rows);
    if (r == 0)
        r = operations->check(store, report_damage, run);
    bool all = rows.items == OLD_ITEMS && rows.labels == OLD_LABELS && rows.revisions == 18;
    if (r == 0 && !(all && arms_are_kept(store)))
        (void)differs(run, "the number", "of rows or arms");
    return r == 0 && all && arms_are_kept(store) ? LEDGER_SOUND : LEDGER_BROKEN;
}

static void a_power_cut_in_a_migration_keeps_every_label_id_and_arm(void **state) {
    (void)state;
    static struct run run;
    run = (struct run){.look = look_at_old_rows, .rng = fd_rng_seeded(1)};
    shim_hooks hooks = {before, after, &run};
    make_folders(&run);
    make_fourth_schema(run.path);
    run.disk = disk_new(run.folder);
    shim_set_hooks(&hooks);
    fd_store *store = open_store(&run);
    assert_int_equal(look_at_old_rows(&run, store), LEDGER_SOUND);
    fd_store_close(store);
    shim_set_hooks(NULL);
    disk_free(run.disk);
    folder_remove(run.folder);
    folder_remove(run.after);
    print_message("power: %zu cuts of a migration, nothing lost\n", run.cuts);
    assert_true(run.cuts > 20);
}

int main(void) {
    shim_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut_loses_no_acknowledged_transaction_and_halves_none),
        cmocka_unit_test(a_power_cut_in_a_migration_keeps_every_label_id_and_arm),
        cmocka_unit_test(without_a_sync_of_each_commit_cuts_lose_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
