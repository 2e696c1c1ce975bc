/* A database on disk: it outlives its process, may be in use, and may not be ours. */
#include "database.h"
#include "sqlite_store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* ---- opening and closing ---- */

static void committed_rows_are_there_after_reopening(void **state) {
    const char *path = database_path(state);
    database_make(path);
    assert_false(file_exists(fixture_text("%s-wal", path)));
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(path);
    database_expect_filled(store);
    fd_item_row next = fixture_item("next");
    uint32_t index;
    fd_added added;
    fixture_begin(store);
    assert_int_equal(store->operations->items_add(store, &next, 1, &index, &added), 0);
    fixture_commit(store);
    assert_int_equal(index, 3);
}

static void closing_the_store_drops_an_uncommitted_transaction(void **state) {
    fd_store *store = fixture_open(database_path(state));
    fd_item_row item = fixture_item("a");
    uint32_t index;
    fd_added added;
    fixture_begin(store);
    assert_int_equal(store->operations->items_add(store, &item, 1, &index, &added), 0);
    fd_store_close(store);
    FD_CLEANUP(fd_store_closep) fd_store *again = fixture_open(database_path(state));
    assert_int_equal(fixture_counts(again).items, 0);
}

static void only_the_owner_may_read_the_files(void **state) {
    const char *path = database_path(state);
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(path);
    database_fill(store);
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < FD_LENGTH(suffixes); i++) {
        struct stat about;
        assert_int_equal(stat(fixture_text("%s%s", path, suffixes[i]), &about), 0);
        assert_int_equal(about.st_mode & 0777, 0600);
    }
}

static void each_connection_has_its_safe_settings(void **state) {
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(database_path(state));
    fd_sqlite_store *sqlite = (fd_sqlite_store *)store;
    int64_t newest = (int64_t)fd_sqlite_migration_count;
    const struct {
        const char *pragma;
        int64_t writer, reader;
    } wanted[] = {{"PRAGMA synchronous", 2, 2},
                  {"PRAGMA foreign_keys", 1, 0},
                  {"PRAGMA trusted_schema", 0, 0},
                  {"PRAGMA cell_size_check", 1, 1},
                  {"PRAGMA query_only", 0, 1},
                  {"PRAGMA busy_timeout", 5000, 5000},
                  {"PRAGMA user_version", newest, newest},
                  {"PRAGMA application_id", 0x66697368, 0x66697368},
                  {"PRAGMA journal_size_limit", 67108864, -1}};
    for (size_t i = 0; i < FD_LENGTH(wanted); i++) {
        int64_t value;
        assert_int_equal(fd_sqlite_query_integer(&sqlite->writer, wanted[i].pragma, &value), 0);
        assert_int_equal(value, wanted[i].writer);
        assert_int_equal(
            fd_sqlite_query_integer(&sqlite->readers.connections[0], wanted[i].pragma, &value), 0);
        assert_int_equal(value, wanted[i].reader);
    }
    const struct {
        int option, writer, reader;
    } options[] = {{SQLITE_DBCONFIG_DEFENSIVE, 1, 1}, {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, 1}};
    for (size_t i = 0; i < FD_LENGTH(options); i++) {
        int value;
        (void)sqlite3_db_config(sqlite->writer.database, options[i].option, -1, &value);
        assert_int_equal(value, options[i].writer);
        (void)sqlite3_db_config(sqlite->readers.connections[0].database, options[i].option, -1,
                                &value);
        assert_int_equal(value, options[i].reader);
    }
    char mode[16];
    assert_int_equal(
        fd_sqlite_query_text(&sqlite->writer, "PRAGMA journal_mode", mode, sizeof(mode)), 0);
    assert_string_equal(mode, "wal");
    assert_int_equal(sqlite3_db_readonly(sqlite->readers.connections[0].database, "main"), 1);
}

/* ---- kill ---- */

/* Transaction k adds an item and k % 5 + 1 labels. */
static size_t labels_before(size_t transactions) {
    return transactions / 5 * 15 + (transactions % 5) * (transactions % 5 + 1) / 2;
}

static int write_transaction(fd_store *store, size_t k) {
    FD_FREE char *prompt = malloc(4096); /* enough pages for checkpoints */
    char ids[5][32], item_id[32];
    fd_label_row labels[5];
    size_t n = k % 5 + 1;
    if (!prompt)
        return -ENOMEM;
    memset(prompt, 'x', 4095);
    prompt[4095] = '\0';
    (void)snprintf(item_id, sizeof(item_id), "k%zu", k);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "k%zu-%zu", k, i);
        labels[i] = fixture_label(ids[i], 0, 1);
    }
    fd_item_row item = fixture_item(item_id);
    item.prompt = prompt;
    uint32_t index;
    int64_t sequences[5];
    fd_added added;
    int r = store->operations->begin(store);
    if (r == 0)
        r = store->operations->items_add(store, &item, 1, &index, &added);
    if (r == 0)
        r = store->operations->labels_add(store, labels, n, sequences, &added);
    return r == 0 ? store->operations->commit(store) : r;
}

/* Writes transactions until it is killed, and acknowledges each one on the pipe. */
static void write_until_killed(const char *path, size_t k, int acknowledge) {
    fd_store *store;
    fd_fault fault = {0};
    if (fd_store_open_sqlite(path, &store, &fault) != 0)
        _exit(1);
    for (;; k++)
        if (write_transaction(store, k) != 0 || write(acknowledge, &k, sizeof(k)) != sizeof(k))
            _exit(1);
}

/* Kills a writer at a random moment after some acknowledgements. Returns the total number of
 * acknowledged transactions. */
static size_t kill_a_writer(const char *path, size_t k, unsigned *seed) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        write_until_killed(path, k, ends[1]);
    (void)close(ends[1]);

    size_t last = 0;
    for (int wanted = 1 + rand_r(seed) % 40; wanted > 0; wanted--)
        assert_int_equal(read(ends[0], &last, sizeof(last)), sizeof(last));
    for (volatile int i = rand_r(seed) % 200000; i > 0; i--)
        continue;
    assert_int_equal(kill(child, SIGKILL), 0);
    while (read(ends[0], &last, sizeof(last)) == sizeof(last))
        continue;
    (void)close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return last + 1;
}

static void kill_9_loses_no_acknowledged_transaction_and_halves_none(void **state) {
    const char *path = database_path(state);
    unsigned seed = 20;
    size_t k = 0;
    fd_store *store = fixture_open(path);
    fixture_add_numbered_items(store, 2);
    fd_store_close(store);
    for (int round = 0; round < 50; round++) {
        size_t acknowledged = kill_a_writer(path, k, &seed);
        store = fixture_open(path);
        fd_counts counts = fixture_counts(store);
        k = counts.items - 2;
        assert_true(k == acknowledged || k == acknowledged + 1);
        assert_int_equal(counts.labels, labels_before(k));
        if (round % 10 == 9)
            fixture_check(store);
        fd_store_close(store);
    }
}

/* ---- one process at a time ---- */

static void a_database_in_use_is_refused_with_its_path_and_its_process(void **state) {
    const char *path = database_path(state);
    int ready[2], leave[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(leave), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fd_store *store;
        fd_fault fault = {0};
        char byte = 0;
        (void)close(leave[1]);
        if (fd_store_open_sqlite(path, &store, &fault) != 0 || write(ready[1], "r", 1) != 1)
            _exit(1);
        (void)!read(leave[0], &byte, 1);
        _exit(0); /* without closing: the kernel releases the lock */
    }
    char byte;
    (void)close(leave[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);

    fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_sqlite(path, &store, &fault), -EBUSY);
    assert_non_null(strstr(fault.detail, path));
    assert_non_null(strstr(fault.detail, fixture_text("%d", (int)child)));

    const char *link = fixture_text("%s.link", path);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(fd_store_open_sqlite(link, &store, &fault), -EBUSY);

    (void)close(leave[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(ready[0]);
    (void)close(ready[1]);
    fd_store_close(fixture_open(link));
}

static void the_same_process_cannot_open_a_database_twice(void **state) {
    const char *path = database_path(state);
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(path);
    fd_store *second = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_sqlite(path, &second, &fault), -EBUSY);
    database_fill(store);
    database_expect_filled(store);
}

static void reading_only_works_while_another_store_holds_the_database(void **state) {
    const char *path = database_path(state);
    FD_CLEANUP(fd_store_closep) fd_store *holder = fixture_open(path);
    database_fill(holder);
    fd_fault fault = {0};
    fd_store *store = NULL;
    assert_int_equal(fd_store_open_sqlite_read_only(path, &store, &fault), 0);
    database_expect_filled(store);
    assert_int_equal(store->operations->begin(store), -EROFS);
    assert_int_equal(fd_store_sqlite_schema(store).current, fd_sqlite_migration_count);
    fd_store_close(store);
    assert_true(file_exists(fixture_text("%s-wal", path)));

    fd_item_row more = fixture_item("more");
    assert_int_equal(fixture_add_items(holder, &more, 1).created, 1);
    assert_int_equal(fd_store_open_sqlite_read_only(path, &store, &fault), 0);
    assert_int_equal(fixture_counts(store).items, 4);
    fd_store_close(store);
}

static void reading_only_sees_one_moment(void **state) {
    const char *path = database_path(state);
    FD_CLEANUP(fd_store_closep) fd_store *holder = fixture_open(path);
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    fd_fault fault = {0};
    database_fill(holder);
    assert_int_equal(fd_store_open_sqlite_read_only(path, &store, &fault), 0);
    uint64_t before = fixture_counts(store).items;
    fd_item_row more = fixture_item("more");
    assert_int_equal(fixture_add_items(holder, &more, 1).created, 1);
    assert_int_equal(fixture_counts(holder).items, before + 1);
    assert_int_equal(fixture_counts(store).items, before);
    fixture_check(store);
    assert_int_equal(fixture_counts(store).items, before);
}

static void reading_only_creates_no_file(void **state) {
    fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_sqlite_read_only(database_path(state), &store, &fault), -ENOENT);
    assert_non_null(strstr(fault.detail, database_path(state)));
    assert_int_equal(rmdir(((fixture_folder *)*state)->name), 0);
    assert_int_equal(mkdir(((fixture_folder *)*state)->name, 0700), 0);
}

/* ---- files that are not ours ---- */

static void a_newer_database_is_refused_and_unchanged(void **state) {
    const char *path = database_path(state);
    database_make(path);
    database_run(path, "PRAGMA user_version = 977");
    database_expect_refusal(path, -EPROTONOSUPPORT, "977");
    database_expect_refusal(
        path, -EPROTONOSUPPORT,
        fixture_text("newer than this program, which knows up to %zu", fd_sqlite_migration_count));
}

static void a_database_of_another_program_is_refused_and_unchanged(void **state) {
    const char *path = database_path(state);
    database_run(path, "CREATE TABLE items (x); INSERT INTO items VALUES (1)");
    database_expect_refusal(path, -EBADMSG, "not fisherd's");
    database_run(path, "PRAGMA application_id = 77");
    database_expect_refusal(path, -EBADMSG, "not fisherd's");
    database_run(path, "PRAGMA user_version = 1; DROP TABLE items");
    database_expect_refusal(path, -EBADMSG, "not fisherd's");
    database_run(path, "PRAGMA user_version = 0; PRAGMA application_id = 0x66697368");
    database_expect_refusal(path, -EBADMSG, "not fisherd's");
    assert_false(file_exists(fixture_text("%s.lock", path)));
}

static void a_file_that_is_not_a_database_is_refused_and_unchanged(void **state) {
    write_file(database_path(state),
               "Dear diary, today I wrote more than sixteen bytes, and so on.\n");
    database_expect_refusal(database_path(state), -EBADMSG, "not a fisherd database");
}

static void an_empty_file_becomes_a_database(void **state) {
    const char *path = database_path(state);
    fd_store *store = NULL;
    fd_fault fault = {0};
    write_file(path, "");
    assert_int_equal(fd_store_open_sqlite_read_only(path, &store, &fault), -EBADMSG);
    store = fixture_open(path);
    assert_int_equal(fd_store_sqlite_schema(store).found, 0);
    assert_int_equal(fd_store_sqlite_schema(store).current, fd_sqlite_migration_count);
    fd_store_close(store);
    store = fixture_open(path);
    assert_int_equal(fd_store_sqlite_schema(store).found, fd_sqlite_migration_count);
    fd_store_close(store);
}

static void a_path_that_cannot_be_a_database_is_named_in_the_fault(void **state) {
    const fixture_folder *folder = *state;
    const struct {
        const char *path;
        int error;
    } places[] = {
        {folder->name, -EISDIR},       {fixture_text("%s/absent/test.db", folder->name), -ENOENT},
        {"/dev/null", -EBADMSG},       {"", -ENOENT},
        {"/proc/fisherd.db", -ENOENT},
    };
    for (size_t i = 0; i < FD_LENGTH(places); i++) {
        fd_store *store = NULL;
        fd_fault fault = {0};
        assert_int_equal(fd_store_open_sqlite(places[i].path, &store, &fault), places[i].error);
        assert_null(store);
        assert_non_null(strstr(fault.detail, places[i].path));
    }
}

/* Opens as another user if this is root, because root ignores permissions. */
static int open_as_nobody(const char *path, fd_fault *fault) {
    fd_store *store = NULL;
    uid_t user = geteuid();
    if (user == 0)
        assert_int_equal(seteuid(65534), 0);
    int r = fd_store_open_sqlite(path, &store, fault);
    assert_int_equal(seteuid(user), 0);
    assert_true(r < 0 && !store);
    return r;
}

static void a_database_without_write_permission_is_refused(void **state) {
    const fixture_folder *folder = *state;
    const char *path = folder->path;
    const struct { mode_t folder, file; } modes[] = {{0555, 0666}, {0777, 0444}};
    database_make(path);
    assert_int_equal(unlink(fixture_text("%s.lock", path)), 0);
    for (size_t i = 0; i < FD_LENGTH(modes); i++) {
        assert_int_equal(chmod(path, modes[i].file), 0);
        assert_int_equal(chmod(folder->name, modes[i].folder), 0);
        fd_fault fault = {0};
        assert_int_equal(open_as_nobody(path, &fault), -EACCES);
        assert_non_null(strstr(fault.detail, path));
    }
    assert_int_equal(chmod(folder->name, 0700), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_FOLDER(committed_rows_are_there_after_reopening),
        ON_FOLDER(closing_the_store_drops_an_uncommitted_transaction),
        ON_FOLDER(only_the_owner_may_read_the_files),
        ON_FOLDER(each_connection_has_its_safe_settings),
        ON_FOLDER(kill_9_loses_no_acknowledged_transaction_and_halves_none),
        ON_FOLDER(a_database_in_use_is_refused_with_its_path_and_its_process),
        ON_FOLDER(the_same_process_cannot_open_a_database_twice),
        ON_FOLDER(reading_only_works_while_another_store_holds_the_database),
        ON_FOLDER(reading_only_sees_one_moment),
        ON_FOLDER(reading_only_creates_no_file),
        ON_FOLDER(a_newer_database_is_refused_and_unchanged),
        ON_FOLDER(a_database_of_another_program_is_refused_and_unchanged),
        ON_FOLDER(a_file_that_is_not_a_database_is_refused_and_unchanged),
        ON_FOLDER(an_empty_file_becomes_a_database),
        ON_FOLDER(a_path_that_cannot_be_a_database_is_named_in_the_fault),
        ON_FOLDER(a_database_without_write_permission_is_refused),
    };
    return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
