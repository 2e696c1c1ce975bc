/* Databases with an older schema, with damage, or on a full disk. */
#include "database.h"
#include "sqlite_store.h"
#include "store_open.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- migrations ---- */

/* The built-in migrations and two more; the second one needs the first. */
struct history {
    fd_sqlite_migration *steps;
    size_t n;
};

static struct history make_history(void) {
    size_t built_in = fd_sqlite_migration_count;
    fd_sqlite_migration *steps = calloc(built_in + 2, sizeof(*steps));
    assert_non_null(steps);
    memcpy(steps, fd_sqlite_migrations, built_in * sizeof(*steps));
    steps[built_in] = (fd_sqlite_migration){(uint32_t)built_in + 1, "notes",
                                            "CREATE TABLE notes (text TEXT) STRICT;"
                                            "INSERT INTO notes SELECT id FROM items"};
    steps[built_in + 1] = (fd_sqlite_migration){(uint32_t)built_in + 2, "more",
                                                "ALTER TABLE notes ADD COLUMN size INTEGER;"
                                                "UPDATE notes SET size = length(text)"};
    return (struct history){steps, built_in + 2};
}

static void history_clear(struct history *history) {
    free(history->steps);
}

static int open_with(const char *path, const struct history *history, fd_store **ret,
                     fd_fault *fault) {
    *ret = NULL;
    *fault = (fd_fault){0};
    return fd_sqlite_open(path, history->steps, history->n, ret, fault);
}

static void migrations_run_in_order_after_a_backup(void **state) {
    const char *path = database_path(state);
    FD_CLEANUP(history_clear) struct history history = make_history();
    size_t built_in = fd_sqlite_migration_count;
    database_make(path);

    fd_store *store;
    fd_fault fault = {0};
    assert_int_equal(open_with(path, &history, &store, &fault), 0);
    assert_int_equal(fd_store_sqlite_schema(store).found, built_in);
    assert_int_equal(fd_store_sqlite_schema(store).current, history.n);
    database_expect_filled(store);
    assert_int_equal(database_integer(path, "SELECT sum(size) FROM notes"), 6);
    assert_int_equal(database_integer(path, "PRAGMA user_version"), history.n);
    fd_store_close(store);
    database_expect_refusal(path, -EPROTONOSUPPORT, "newer");

    const char *backup = fixture_text("%s.before-%04zu", path, built_in + 1);
    struct stat about;
    assert_int_equal(stat(backup, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_false(file_exists(fixture_text("%s.before-%04zu", path, built_in + 2)));
    assert_false(file_exists(fixture_text("%s.partial", backup)));
    store = fixture_open(backup);
    assert_int_equal(fd_store_sqlite_schema(store).found, built_in);
    database_expect_filled(store);
    fd_store_close(store);
}

static void a_new_database_is_not_backed_up(void **state) {
    FD_CLEANUP(history_clear) struct history history = make_history();
    fd_store *store;
    fd_fault fault = {0};
    assert_int_equal(open_with(database_path(state), &history, &store, &fault), 0);
    assert_int_equal(fd_store_sqlite_schema(store).found, 0);
    fd_store_close(store);
    assert_false(file_exists(fixture_text("%s.before-0001", database_path(state))));
}

static void a_failed_migration_leaves_the_schema_before_it(void **state) {
    const char *path = database_path(state);
    FD_CLEANUP(history_clear) struct history history = make_history();
    fd_sqlite_migration *last = &history.steps[history.n - 1];
    const char *sound = last->sql;
    static const char *const failing[] = {
        "DROP TABLE notes; CREATE TABLE items (x)",
        "DROP TABLE notes; DROP TRIGGER items_are_not_deleted; DELETE FROM items WHERE idx = 0",
    };
    database_make(path);
    fd_store *store;
    fd_fault fault = {0};
    for (size_t i = 0; i < FD_LENGTH(failing); i++) {
        last->sql = failing[i];
        assert_true(open_with(path, &history, &store, &fault) < 0);
        assert_null(store);
        assert_non_null(strstr(fault.detail, path));
        assert_non_null(strstr(fault.detail, fixture_text("migration %u (more)", last->number)));
        assert_int_equal(database_integer(path, "PRAGMA user_version"), history.n - 1);
        assert_int_equal(database_integer(path, "SELECT count(*) FROM notes"), 3);
    }
    last->sql = sound;
    assert_int_equal(open_with(path, &history, &store, &fault), 0);
    database_expect_filled(store);
    fd_store_close(store);
}

static void opening_for_reading_only_does_not_migrate(void **state) {
    const char *path = database_path(state);
    size_t built_in = fd_sqlite_migration_count;
    database_make(path);
    fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_sqlite_open_read_only(path, built_in + 1, &store, &fault),
                     -EPROTONOSUPPORT);
    assert_null(store);
    assert_non_null(strstr(fault.detail, path));
    assert_non_null(strstr(fault.detail, "older"));
    assert_int_equal(database_integer(path, "PRAGMA user_version"), built_in);
}

static int expect_old_model(void *context, const fd_model_row *row) {
    uint64_t *version = context;
    *version = row->version;
    assert_int_equal(row->state, FD_MODEL_STORED);
    assert_null(row->reason);
    assert_int_equal(row->parent, 0);
    assert_int_equal(row->scratch, -1);
    assert_int_equal(row->labels, 10);
    assert_int_equal(row->items, 20);
    assert_int_equal(row->iterations, 30);
    assert_true(row->train_loss == 0.5);
    assert_true(isnan(row->held_out_loss) && isnan(row->held_out_accuracy_low));
    assert_true(isnan(row->prior_precision) && isnan(row->control_accuracy));
    assert_int_equal(row->held_out_labels, 4);
    assert_int_equal(row->control_labels, 0);
    assert_true(row->seconds == 2.5);
    assert_int_equal(row->created_ms, 99);
    assert_int_equal(row->answers, -1);
    assert_true(isnan(row->logdet));
    assert_true(isnan(row->unseen.length_loss) && isnan(row->unseen.exam_covariance[2][2]));
    assert_int_equal(row->size, 3);
    assert_memory_equal(row->bytes, "\x01\x02\x03", 3);
    return 0;
}

static void models_without_states_are_migrated_with_unknown_figures(void **state) {
    const char *path = database_path(state);
    for (size_t i = 0; i < 2; i++)
        database_run(path, fd_sqlite_migrations[i].sql);
    database_run(path, fixture_text("PRAGMA application_id = %d; PRAGMA user_version = 2",
                                    FD_SQLITE_APPLICATION_ID));
    database_run(path, "INSERT INTO models VALUES"
                       " (7, 10, 20, 30, 0.5, NULL, NULL, 4, 2.5, 99, x'010203')");
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(path);
    uint64_t version = 0;
    assert_int_equal(
        store->operations->models_read(store, UINT64_MAX, 9, true, expect_old_model, &version), 0);
    assert_int_equal(version, 7);
    fixture_check(store);
}

/* ---- damage ---- */

static fixture_findings find_in(const char *path) {
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_sqlite_read_only(path, &store, &fault), 0);
    return fixture_find(store);
}

static void check_finds_a_damaged_page_and_opening_refuses_it(void **state) {
    const char *path = database_path(state);
    database_make(path);
    int64_t root =
        database_integer(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'labels'");
    int file = open(path, O_RDWR);
    char garbage[1000];
    memset(garbage, 0xa5, sizeof(garbage));
    assert_int_equal(pwrite(file, garbage, sizeof(garbage), (root - 1) * 4096 + 8), 1000);
    assert_int_equal(close(file), 0);

    assert_true(find_in(path).count > 0);
    fd_fault fault = {0};
    fd_store *store = NULL;
    assert_int_equal(fd_store_open_sqlite(path, &store, &fault), -EBADMSG);
    assert_non_null(strstr(fault.detail, "damaged"));

    fault = (fd_fault){0};
    assert_int_equal(fd_store_open_sqlite_early(path, &store, &fault), 0);
    assert_int_equal(fd_store_finish_opening(store, &fault), -EBADMSG);
    assert_non_null(strstr(fault.detail, "damaged"));
    fd_store_close(store);
}

static void a_store_that_was_opened_early_may_be_closed_while_it_is_checked(void **state) {
    const char *path = database_path(state);
    database_make(path);
    for (int i = 0; i < 20; i++) {
        fd_fault fault = {0};
        fd_store *store = NULL;
        assert_int_equal(fd_store_open_sqlite_early(path, &store, &fault), 0);
        fd_store_close(store);
    }
    fd_fault fault = {0};
    fd_store *store = NULL;
    assert_int_equal(fd_store_open_sqlite_early(path, &store, &fault), 0);
    assert_int_equal(fd_store_finish_opening(store, &fault), 0);
    assert_int_equal(fd_store_finish_opening(store, &fault), 0); /* nothing is left */
    fd_store_close(store);
}

static void check_finds_rows_that_contradict_each_other(void **state) {
    const char *path = database_path(state);
    static const char *const damage[] = {
        "DELETE FROM items WHERE idx = 1",
        "DELETE FROM items WHERE idx = 2",
        "UPDATE items SET idx = 9 WHERE idx = 2; UPDATE labels SET item_b = 0",
        "UPDATE item_embeddings SET bytes = x'00' WHERE idx = 0",
        "UPDATE item_embeddings SET bytes = zeroblob(8) WHERE idx = 0",
        "DELETE FROM item_embeddings WHERE idx = 0",
        "DELETE FROM assignment_key",
        "UPDATE assignment_key SET bytes = x'00'",
        "INSERT INTO assignments (id, item_a, item_b, annotator, arm)"
        " VALUES ('x', 0, 7, 'ann', 'active')",
        "INSERT INTO assignments (id, item_a, item_b, annotator, arm)"
        " VALUES ('x', 0, 1, 'ann', 'third')",
        "INSERT INTO item_text_features VALUES (7, 1, zeroblob(40))",
        "INSERT INTO item_text_features VALUES (0, 1, zeroblob(39))",
        "INSERT INTO item_text_features VALUES (0, 0, zeroblob(40))",
        "INSERT INTO item_scores (idx, name, value, set_ms) VALUES (7, 'judge', 1, 0)",
        "INSERT INTO item_scores (idx, name, value, set_ms)"
        " WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 17)"
        " SELECT 0, 'score' || i, i, 0 FROM n",
        "INSERT INTO project (version, created_ms, settings) VALUES (2, 0, '{}')",
        "UPDATE labels SET item_a = 7 WHERE sequence = 1",
        "UPDATE labels SET item_a = item_b WHERE sequence = 1",
        "UPDATE labels SET sequence = 5 - sequence",
        "UPDATE items SET idx = -1 WHERE idx = 0; UPDATE labels SET item_a = 2, item_b = 1",
        "UPDATE labels SET preference = 'c' WHERE sequence = 1",
        "UPDATE labels SET revision = 1 WHERE sequence = 1",
        "DELETE FROM labels WHERE sequence = 1",
        "UPDATE models SET bytes = x''",
        "UPDATE models SET state = 'serving'",
        "UPDATE models SET parent = version",
    };
    for (size_t i = 0; i < FD_LENGTH(damage); i++) {
        database_make(path);
        char sql[600];
        (void)snprintf(sql, sizeof(sql),
                       "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;"
                       "DROP TRIGGER items_are_not_updated; DROP TRIGGER items_are_not_deleted;"
                       "DROP TRIGGER labels_are_not_updated; DROP TRIGGER labels_are_not_deleted;"
                       "%s",
                       damage[i]);
        database_run(path, sql);
        if (find_in(path).count == 0)
            fail_msg("%s is not found", damage[i]);
        assert_int_equal(unlink(fixture_text("%s-wal", path)), 0);
        assert_int_equal(unlink(fixture_text("%s-shm", path)), 0);
        assert_int_equal(unlink(path), 0);
    }
}

static void items_and_the_history_can_only_grow(void **state) {
    const char *path = database_path(state);
    database_make(path);
    database_run(path,
                 "INSERT INTO item_scores (idx, name, value, set_ms) VALUES (0, 'judge', 1, 0);"
                 "INSERT INTO project (version, created_ms, settings) VALUES (1, 0, '{}')");
    static const char *const changes[] = {
        "UPDATE item_scores SET value = 2",   "DELETE FROM item_scores",
        "UPDATE project SET settings = ''",   "DELETE FROM project",
        "UPDATE items SET prompt = 'other'",  "DELETE FROM items WHERE idx = 2",
        "UPDATE labels SET preference = 'b'", "DELETE FROM labels",
        "UPDATE labels SET created_ms = 0",   "DELETE FROM items",
    };
    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    for (size_t i = 0; i < FD_LENGTH(changes); i++)
        assert_int_equal(sqlite3_exec(database, changes[i], NULL, NULL, NULL), SQLITE_CONSTRAINT);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(path);
    database_expect_filled(store);
}

/* ---- a full disk ---- */

static void a_full_disk_fails_a_transaction_and_the_store_recovers(void **state) {
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(database_path(state));
    fd_sqlite_connection *writer = &((fd_sqlite_store *)store)->writer;
    database_fill(store);
    enum { SIZE = 200000 };
    FD_FREE char *text = malloc(SIZE);
    assert_non_null(text);
    memset(text, 'x', SIZE - 1);
    text[SIZE - 1] = '\0';
    fd_item_row rows[] = {fixture_item("small"), fixture_item("large")};
    rows[1].response = text;
    uint32_t indices[2];
    fd_added added;

    int64_t pages;
    assert_int_equal(fd_sqlite_query_integer(writer, "PRAGMA max_page_count = 1", &pages), 0);
    fixture_begin(store);
    assert_int_equal(store->operations->items_add(store, rows, 2, indices, &added), -ENOSPC);
    store->operations->rollback(store);
    database_expect_filled(store);

    assert_int_equal(fd_sqlite_query_integer(writer, "PRAGMA max_page_count = 9999", &pages), 0);
    assert_int_equal(fixture_add_items(store, rows, 2).created, 2);
    fixture_check(store);
}

static void results_of_sqlite_become_negative_errnos(void **state) {
    (void)state;
    const int errors[][2] = {
        {SQLITE_OK, 0},
        {SQLITE_FULL, -ENOSPC},
        {SQLITE_IOERR_FSYNC, -EIO},
        {SQLITE_IOERR_NOMEM, -ENOMEM},
        {SQLITE_CORRUPT_INDEX, -EBADMSG},
        {SQLITE_NOTADB, -EBADMSG},
        {SQLITE_NOMEM, -ENOMEM},
        {SQLITE_BUSY_SNAPSHOT, -EBUSY},
        {SQLITE_TOOBIG, -EFBIG},
        {SQLITE_READONLY, -EROFS},
        {SQLITE_CONSTRAINT_FOREIGNKEY, -EINVAL},
        {SQLITE_MISUSE, -EIO},
    };
    for (size_t i = 0; i < FD_LENGTH(errors); i++) {
        errno = 0;
        assert_int_equal(fd_sqlite_error(NULL, errors[i][0]), errors[i][1]);
    }
    const int below[][3] = {{SQLITE_IOERR_WRITE, EFBIG, -EFBIG},
                            {SQLITE_IOERR_WRITE, EDQUOT, -EDQUOT},
                            {SQLITE_IOERR_WRITE, EIO, -EIO},
                            {SQLITE_CORRUPT, EIO, -EIO}};
    for (size_t i = 0; i < FD_LENGTH(below); i++) {
        errno = below[i][1];
        assert_int_equal(fd_sqlite_error(NULL, below[i][0]), below[i][2]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_FOLDER(migrations_run_in_order_after_a_backup),
        ON_FOLDER(models_without_states_are_migrated_with_unknown_figures),
        ON_FOLDER(a_new_database_is_not_backed_up),
        ON_FOLDER(a_failed_migration_leaves_the_schema_before_it),
        ON_FOLDER(opening_for_reading_only_does_not_migrate),
        ON_FOLDER(check_finds_a_damaged_page_and_opening_refuses_it),
        ON_FOLDER(a_store_that_was_opened_early_may_be_closed_while_it_is_checked),
        ON_FOLDER(check_finds_rows_that_contradict_each_other),
        ON_FOLDER(items_and_the_history_can_only_grow),
        ON_FOLDER(a_full_disk_fails_a_transaction_and_the_store_recovers),
        cmocka_unit_test(results_of_sqlite_become_negative_errnos),
    };
    return cmocka_run_group_tests_name("database", tests, NULL, NULL);
}
