/* What only a database on disk can do: outlive its process, be in use, be damaged, be another's. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sqlite_private.h"

static int set_up(void **state) {
    static fixture_folder folder;
    fixture_folder_make(&folder);
    *state = &folder;
    return 0;
}

static int tear_down(void **state) {
    fixture_folder_remove(*state);
    return 0;
}

static const char *path_of(void **state) {
    return ((fixture_folder *)*state)->path;
}

/* ---- raw access ---- */

static void run_sql(const char *path, const char *sql) {
    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static int64_t sql_integer(const char *path, const char *sql) {
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(database);
    return value;
}

static char *file_bytes(const char *path, size_t *ret_size) {
    struct stat about;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &about), 0);
    *ret_size = (size_t)about.st_size;
    char *bytes = malloc(*ret_size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *ret_size, file), *ret_size);
    (void)fclose(file);
    return bytes;
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool is_there(const char *path) {
    return access(path, F_OK) == 0;
}

/* Opening fails with `error`, in both ways, names the file and `word`, and changes no byte. */
static void expect_refusal(const char *path, int error, const char *word) {
    size_t before_size, after_size;
    FD_FREE char *before = file_bytes(path, &before_size);
    for (int read_only = 0; read_only < 2; read_only++) {
        fd_store *store = NULL;
        fd_fault fault = {0};
        int r = read_only ? fd_store_open_sqlite_read_only(path, &store, &fault)
                          : fd_store_open_sqlite(path, &store, &fault);
        assert_int_equal(r, error);
        assert_null(store);
        assert_non_null(strstr(fault.detail, path));
        assert_non_null(strstr(fault.detail, word));
    }
    FD_FREE char *after = file_bytes(path, &after_size);
    assert_int_equal(after_size, before_size);
    assert_memory_equal(after, before, before_size);
}

static void fill(fd_store *store) {
    fixture_add_numbered_items(store, 3);
    fd_label_row labels[] = {fixture_label("l0", 0, 1), fixture_label("l1", 1, 2)};
    assert_int_equal(fixture_add_labels(store, labels, 2).created, 2);
    fd_model_row model = fixture_model(1);
    assert_int_equal(store->operations->begin(store), 0);
    assert_int_equal(store->operations->model_add(store, &model), 0);
    assert_int_equal(store->operations->commit(store), 0);
}

static void make_filled(const char *path) {
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(path);
    fill(store);
}

static void expect_filled(fd_store *store) {
    fd_counts counts = fixture_counts(store);
    assert_int_equal(counts.items, 3);
    assert_int_equal(counts.labels, 2);
    assert_int_equal(counts.label_rows, 2);
    assert_int_equal(counts.models, 1);
    fixture_check(store);
}

/* ---- life ---- */

static void what_was_committed_is_there_after_reopening(void **state) {
    const char *path = path_of(state);
    make_filled(path);
    assert_false(is_there(fixture_text("%s-wal", path)));
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(path);
    expect_filled(store);
    fd_item_row next = fixture_item("next");
    uint32_t index;
    fd_added added;
    assert_int_equal(store->operations->begin(store), 0);
    assert_int_equal(store->operations->items_add(store, &next, 1, &index, &added), 0);
    assert_int_equal(store->operations->commit(store), 0);
    assert_int_equal(index, 3);
}

static void a_transaction_that_was_not_committed_ends_with_the_store(void **state) {
    fd_store *store = fixture_open(path_of(state));
    fd_item_row item = fixture_item("a");
    uint32_t index;
    fd_added added;
    assert_int_equal(store->operations->begin(store), 0);
    assert_int_equal(store->operations->items_add(store, &item, 1, &index, &added), 0);
    fd_store_close(store);
    FD_CLEANUP(fd_store_closep) fd_store *again = fixture_open(path_of(state));
    assert_int_equal(fixture_counts(again).items, 0);
}

static void only_the_owner_may_read_the_files(void **state) {
    const char *path = path_of(state);
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(path);
    fill(store);
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < FD_LENGTH(suffixes); i++) {
        struct stat about;
        assert_int_equal(stat(fixture_text("%s%s", path, suffixes[i]), &about), 0);
        assert_int_equal(about.st_mode & 0777, 0600);
    }
}

static void the_connections_are_as_safe_as_they_should_be(void **state) {
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(path_of(state));
    fd_sqlite_store *sqlite = (fd_sqlite_store *)store;
    const struct {
        const char *pragma;
        int64_t writer, reader;
    } wanted[] = {{"PRAGMA synchronous", 2, 2},
                  {"PRAGMA foreign_keys", 1, 0},
                  {"PRAGMA trusted_schema", 0, 0},
                  {"PRAGMA cell_size_check", 1, 1},
                  {"PRAGMA query_only", 0, 1},
                  {"PRAGMA busy_timeout", 5000, 5000},
                  {"PRAGMA user_version", 1, 1},
                  {"PRAGMA application_id", 0x66697368, 0x66697368},
                  {"PRAGMA journal_size_limit", 67108864, -1}};
    for (size_t i = 0; i < FD_LENGTH(wanted); i++) {
        int64_t value;
        assert_int_equal(fd_sqlite_query_integer(&sqlite->writer, wanted[i].pragma, &value), 0);
        assert_int_equal(value, wanted[i].writer);
        assert_int_equal(fd_sqlite_query_integer(&sqlite->readers[0], wanted[i].pragma, &value), 0);
        assert_int_equal(value, wanted[i].reader);
    }
    const struct {
        int option, writer, reader;
    } options[] = {{SQLITE_DBCONFIG_DEFENSIVE, 1, 1}, {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, 1}};
    for (size_t i = 0; i < FD_LENGTH(options); i++) {
        int value;
        (void)sqlite3_db_config(sqlite->writer.database, options[i].option, -1, &value);
        assert_int_equal(value, options[i].writer);
        (void)sqlite3_db_config(sqlite->readers[0].database, options[i].option, -1, &value);
        assert_int_equal(value, options[i].reader);
    }
    char mode[16];
    assert_int_equal(
        fd_sqlite_query_text(&sqlite->writer, "PRAGMA journal_mode", mode, sizeof(mode)), 0);
    assert_string_equal(mode, "wal");
    assert_int_equal(sqlite3_db_readonly(sqlite->readers[0].database, "main"), 1);
}

/* ---- kill ---- */

/* Transaction k adds an item and k % 5 + 1 labels. */
static size_t labels_before(size_t transactions) {
    return transactions / 5 * 15 + (transactions % 5) * (transactions % 5 + 1) / 2;
}

static int write_transaction(fd_store *store, size_t k) {
    FD_FREE char *prompt = malloc(4096); /* pages enough for checkpoints */
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

/* Writes until it is killed, and acknowledges each transaction on the pipe. */
static void write_until_killed(const char *path, size_t k, int acknowledge) {
    fd_store *store;
    fd_fault fault;
    if (fd_store_open_sqlite(path, &store, &fault) != 0)
        _exit(1);
    for (;; k++)
        if (write_transaction(store, k) != 0 || write(acknowledge, &k, sizeof(k)) != sizeof(k))
            _exit(1);
}

/* Kills a writer at a random moment after some acknowledgements; the number of transactions that
 * were acknowledged in all. */
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

static void kill_9_loses_nothing_acknowledged_and_leaves_no_half_transaction(void **state) {
    const char *path = path_of(state);
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

static void a_database_in_use_is_refused_and_named(void **state) {
    const char *path = path_of(state);
    int ready[2], leave[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(leave), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fd_store *store;
        fd_fault fault;
        char byte = 0;
        (void)close(leave[1]);
        if (fd_store_open_sqlite(path, &store, &fault) != 0 || write(ready[1], "r", 1) != 1)
            _exit(1);
        (void)!read(leave[0], &byte, 1);
        _exit(0); /* without closing: the kernel gives the lock back */
    }
    char byte;
    (void)close(leave[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);

    fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_sqlite(path, &store, &fault), -EBUSY);
    assert_non_null(strstr(fault.detail, path));
    assert_non_null(strstr(fault.detail, fixture_text("another process, %d", (int)child)));

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
    const char *path = path_of(state);
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(path);
    fd_store *second = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_sqlite(path, &second, &fault), -EBUSY);
    fill(store);
    expect_filled(store);
}

static void reading_alone_works_beside_the_holder_and_writes_nothing(void **state) {
    const char *path = path_of(state);
    FD_CLEANUP(fd_store_closep) fd_store *holder = fixture_open(path);
    fill(holder);
    fd_fault fault = {0};
    fd_store *store = NULL;
    assert_int_equal(fd_store_open_sqlite_read_only(path, &store, &fault), 0);
    expect_filled(store);
    assert_int_equal(store->operations->begin(store), -EROFS);
    assert_int_equal(fd_store_sqlite_schema(store).current, 1);
    fd_store_close(store);
    assert_true(is_there(fixture_text("%s-wal", path)));

    fd_item_row more = fixture_item("more");
    assert_int_equal(fixture_add_items(holder, &more, 1).created, 1);
    assert_int_equal(fd_store_open_sqlite_read_only(path, &store, &fault), 0);
    assert_int_equal(fixture_counts(store).items, 4);
    fd_store_close(store);
}

static void reading_alone_creates_nothing(void **state) {
    fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_sqlite_read_only(path_of(state), &store, &fault), -ENOENT);
    assert_non_null(strstr(fault.detail, path_of(state)));
    assert_int_equal(rmdir(((fixture_folder *)*state)->name), 0);
    assert_int_equal(mkdir(((fixture_folder *)*state)->name, 0700), 0);
}

/* ---- files that are not ours ---- */

static void a_newer_database_is_refused_and_left_as_it_is(void **state) {
    const char *path = path_of(state);
    make_filled(path);
    run_sql(path, "PRAGMA user_version = 977");
    expect_refusal(path, -EPROTONOSUPPORT, "977");
    expect_refusal(path, -EPROTONOSUPPORT, "newer than this program, which knows up to 1");
}

static void a_database_of_another_program_is_refused_and_left_as_it_is(void **state) {
    const char *path = path_of(state);
    run_sql(path, "CREATE TABLE items (x); INSERT INTO items VALUES (1)");
    expect_refusal(path, -EBADMSG, "not fisherd's");
    run_sql(path, "PRAGMA application_id = 77");
    expect_refusal(path, -EBADMSG, "not fisherd's");
    run_sql(path, "PRAGMA user_version = 1; DROP TABLE items");
    expect_refusal(path, -EBADMSG, "not fisherd's");
    assert_false(is_there(fixture_text("%s.lock", path)));
}

static void a_file_that_is_no_database_is_refused_and_left_as_it_is(void **state) {
    write_file(path_of(state), "Dear diary, today I wrote more than sixteen bytes, and so on.\n");
    expect_refusal(path_of(state), -EBADMSG, "no fisherd database");
}

static void an_empty_file_becomes_a_database(void **state) {
    const char *path = path_of(state);
    fd_store *store = NULL;
    fd_fault fault = {0};
    write_file(path, "");
    assert_int_equal(fd_store_open_sqlite_read_only(path, &store, &fault), -EBADMSG);
    store = fixture_open(path);
    assert_int_equal(fd_store_sqlite_schema(store).found, 0);
    assert_int_equal(fd_store_sqlite_schema(store).current, 1);
    fd_store_close(store);
    store = fixture_open(path);
    assert_int_equal(fd_store_sqlite_schema(store).found, 1);
    fd_store_close(store);
}

static void places_where_no_database_can_be_are_named(void **state) {
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

/* Opens as somebody whom permissions bind, which root is not. */
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

static void what_may_not_be_written_is_refused(void **state) {
    const fixture_folder *folder = *state;
    const char *path = folder->path;
    const struct { mode_t folder, file; } modes[] = {{0555, 0666}, {0777, 0444}};
    make_filled(path);
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

/* ---- migrations ---- */

/* The built-in schema, then two more steps, of which the second needs the first. */
static void make_history(fd_sqlite_migration *history) {
    history[0] = fd_sqlite_migrations[0];
    history[1] = (fd_sqlite_migration){2, "notes",
                                       "CREATE TABLE notes (text TEXT) STRICT;"
                                       "INSERT INTO notes SELECT id FROM items"};
    history[2] = (fd_sqlite_migration){3, "more",
                                       "ALTER TABLE notes ADD COLUMN size INTEGER;"
                                       "UPDATE notes SET size = length(text)"};
}

static void migrations_run_in_order_after_a_backup(void **state) {
    const char *path = path_of(state);
    fd_sqlite_migration history[3];
    make_history(history);
    make_filled(path);

    fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_sqlite_open(path, history, 3, &store, &fault), 0);
    assert_int_equal(fd_store_sqlite_schema(store).found, 1);
    assert_int_equal(fd_store_sqlite_schema(store).current, 3);
    expect_filled(store);
    assert_int_equal(sql_integer(path, "SELECT sum(size) FROM notes"), 6);
    assert_int_equal(sql_integer(path, "PRAGMA user_version"), 3);
    fd_store_close(store);
    expect_refusal(path, -EPROTONOSUPPORT, "newer");

    const char *backup = fixture_text("%s.before-0002", path);
    struct stat about;
    assert_int_equal(stat(backup, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_false(is_there(fixture_text("%s.before-0003", path)));
    assert_false(is_there(fixture_text("%s.partial", backup)));
    store = fixture_open(backup);
    assert_int_equal(fd_store_sqlite_schema(store).found, 1);
    expect_filled(store);
    fd_store_close(store);
}

static void a_new_database_is_not_backed_up(void **state) {
    fd_sqlite_migration history[3];
    make_history(history);
    fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_sqlite_open(path_of(state), history, 3, &store, &fault), 0);
    assert_int_equal(fd_store_sqlite_schema(store).found, 0);
    fd_store_close(store);
    assert_false(is_there(fixture_text("%s.before-0001", path_of(state))));
}

static void a_migration_that_fails_leaves_the_one_before(void **state) {
    const char *path = path_of(state);
    fd_sqlite_migration history[3];
    make_history(history);
    make_filled(path);
    static const char *const failing[] = {
        "DROP TABLE notes; CREATE TABLE items (x)",
        "DROP TABLE notes; DROP TRIGGER items_are_not_deleted; DELETE FROM items WHERE idx = 0",
    };
    for (size_t i = 0; i < FD_LENGTH(failing); i++) {
        history[2].sql = failing[i];
        fd_store *store = NULL;
        fd_fault fault = {0};
        assert_true(fd_sqlite_open(path, history, 3, &store, &fault) < 0);
        assert_null(store);
        assert_non_null(strstr(fault.detail, path));
        assert_non_null(strstr(fault.detail, "migration 3 (more)"));
        assert_int_equal(sql_integer(path, "PRAGMA user_version"), 2);
        assert_int_equal(sql_integer(path, "SELECT count(*) FROM notes"), 3);
    }
    make_history(history);
    fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_sqlite_open(path, history, 3, &store, &fault), 0);
    expect_filled(store);
    fd_store_close(store);
}

static void an_older_database_is_not_migrated_for_reading_alone(void **state) {
    const char *path = path_of(state);
    make_filled(path);
    /* As if the newest schema were one further. */
    run_sql(path, "PRAGMA user_version = 0; PRAGMA application_id = 0x66697368");
    fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_open_sqlite_read_only(path, &store, &fault), -EBADMSG);
    assert_int_equal(sql_integer(path, "PRAGMA user_version"), 0);
}

/* ---- damage ---- */

static int check_read_only(const char *path, fd_fault *fault) {
    fd_store *store = NULL;
    int r = fd_store_open_sqlite_read_only(path, &store, fault);
    if (r < 0)
        return r;
    r = store->operations->check(store, fault);
    fd_store_close(store);
    return r;
}

static void a_damaged_page_is_found_by_check_and_refused_at_opening(void **state) {
    const char *path = path_of(state);
    make_filled(path);
    int64_t root = sql_integer(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'labels'");
    int file = open(path, O_RDWR);
    char garbage[1000];
    memset(garbage, 0xa5, sizeof(garbage));
    assert_int_equal(pwrite(file, garbage, sizeof(garbage), (root - 1) * 4096 + 8), 1000);
    assert_int_equal(close(file), 0);

    fd_fault fault = {0};
    assert_int_equal(check_read_only(path, &fault), -EBADMSG);
    assert_non_null(strstr(fault.detail, path));
    fd_store *store = NULL;
    assert_int_equal(fd_store_open_sqlite(path, &store, &fault), -EBADMSG);
    assert_non_null(strstr(fault.detail, "damaged"));
}

static void check_finds_rows_that_contradict_each_other(void **state) {
    const char *path = path_of(state);
    static const char *const damage[] = {
        "DELETE FROM items WHERE idx = 1",
        "DELETE FROM items WHERE idx = 2",
        "UPDATE items SET idx = 9 WHERE idx = 2; UPDATE labels SET item_b = 0",
        "UPDATE items SET embedding = x'00' WHERE idx = 0",
        "UPDATE items SET dimension = 2 WHERE idx = 0",
        "UPDATE items SET dimension = 1, embedding = x'00000000' WHERE idx = 0",
        "UPDATE labels SET item_a = 7 WHERE sequence = 1",
        "UPDATE labels SET item_a = item_b WHERE sequence = 1",
        "UPDATE labels SET sequence = 5 - sequence",
        "UPDATE items SET idx = -1 WHERE idx = 0; UPDATE labels SET item_a = 2, item_b = 1",
        "UPDATE labels SET preference = 'c' WHERE sequence = 1",
        "UPDATE labels SET revision = 1 WHERE sequence = 1",
        "DELETE FROM labels WHERE sequence = 1",
        "UPDATE models SET bytes = x''",
    };
    for (size_t i = 0; i < FD_LENGTH(damage); i++) {
        make_filled(path);
        char sql[600];
        (void)snprintf(sql, sizeof(sql),
                       "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;"
                       "DROP TRIGGER items_are_not_updated; DROP TRIGGER items_are_not_deleted;"
                       "DROP TRIGGER labels_are_not_updated; DROP TRIGGER labels_are_not_deleted;"
                       "%s",
                       damage[i]);
        run_sql(path, sql);
        fd_fault fault = {0};
        int r = check_read_only(path, &fault);
        if (r != -EBADMSG)
            fail_msg("%s: %d", damage[i], r);
        assert_non_null(strstr(fault.detail, path));
        assert_int_equal(unlink(fixture_text("%s-wal", path)), 0);
        assert_int_equal(unlink(fixture_text("%s-shm", path)), 0);
        assert_int_equal(unlink(path), 0);
    }
}

static void items_and_the_history_can_only_grow(void **state) {
    const char *path = path_of(state);
    make_filled(path);
    static const char *const changes[] = {
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
    expect_filled(store);
}

/* ---- a full disk ---- */

static void a_full_disk_fails_the_transaction_and_the_store_goes_on(void **state) {
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(path_of(state));
    fd_sqlite_connection *writer = &((fd_sqlite_store *)store)->writer;
    fill(store);
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
    assert_int_equal(store->operations->begin(store), 0);
    assert_int_equal(store->operations->items_add(store, rows, 2, indices, &added), -ENOSPC);
    store->operations->rollback(store);
    expect_filled(store);

    assert_int_equal(fd_sqlite_query_integer(writer, "PRAGMA max_page_count = 9999", &pages), 0);
    assert_int_equal(fixture_add_items(store, rows, 2).created, 2);
    fixture_check(store);
}

static void results_of_sqlite_are_errors_of_ours(void **state) {
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
    for (size_t i = 0; i < FD_LENGTH(errors); i++)
        assert_int_equal(fd_sqlite_error(NULL, errors[i][0]), errors[i][1]);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_committed_is_there_after_reopening),
        TEST(a_transaction_that_was_not_committed_ends_with_the_store),
        TEST(only_the_owner_may_read_the_files),
        TEST(the_connections_are_as_safe_as_they_should_be),
        TEST(kill_9_loses_nothing_acknowledged_and_leaves_no_half_transaction),
        TEST(a_database_in_use_is_refused_and_named),
        TEST(the_same_process_cannot_open_a_database_twice),
        TEST(reading_alone_works_beside_the_holder_and_writes_nothing),
        TEST(reading_alone_creates_nothing),
        TEST(a_newer_database_is_refused_and_left_as_it_is),
        TEST(a_database_of_another_program_is_refused_and_left_as_it_is),
        TEST(a_file_that_is_no_database_is_refused_and_left_as_it_is),
        TEST(an_empty_file_becomes_a_database),
        TEST(places_where_no_database_can_be_are_named),
        TEST(what_may_not_be_written_is_refused),
        TEST(migrations_run_in_order_after_a_backup),
        TEST(a_new_database_is_not_backed_up),
        TEST(a_migration_that_fails_leaves_the_one_before),
        TEST(an_older_database_is_not_migrated_for_reading_alone),
        TEST(a_damaged_page_is_found_by_check_and_refused_at_opening),
        TEST(check_finds_rows_that_contradict_each_other),
        TEST(items_and_the_history_can_only_grow),
        TEST(a_full_disk_fails_the_transaction_and_the_store_goes_on),
        cmocka_unit_test(results_of_sqlite_are_errors_of_ours),
    };
    return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
