/* Backups of a database in use, and restoring them over another one. */
#include "database.h"
#include "memory_store.h"
#include "sqlite_store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int back_up(fd_store *store, const char *to, fd_backup *ret) {
    fd_fault fault = {0};
    int r = store->operations->back_up(store, to, NULL, NULL, ret, &fault);
    assert_true((r == 0) == (fault.detail[0] == '\0'));
    if (r < 0)
        assert_non_null(strstr(fault.detail, to));
    return r;
}

static int accept_all(void *context, fd_store *store) {
    (void)context;
    fixture_check(store);
    return 0;
}

static int restore(const char *path, const char *from, bool replace, char **kept) {
    fd_fault fault = {0};
    *kept = NULL;
    int r = fd_store_restore_sqlite(path, from, replace, accept_all, NULL, kept, &fault);
    assert_true((r == 0) == (fault.detail[0] == '\0'));
    return r;
}

/* ---- backups ---- */

static void a_backup_holds_exactly_what_is_committed(void **state) {
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(database_path(state));
    database_fill(store);
    fixture_begin(store);
    fd_item_row item = fixture_item("not yet");
    uint32_t index;
    fd_added added;
    assert_int_equal(store->operations->items_add(store, &item, 1, &index, &added), 0);
    const char *to = fixture_text("%s.copy", database_path(state));
    fd_backup made;
    assert_int_equal(back_up(store, to, &made), 0);
    fixture_commit(store);

    struct stat about;
    assert_int_equal(stat(to, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(made.bytes, about.st_size);
    assert_int_equal(made.counts.items, 3);
    assert_int_equal(made.counts.labels, 2);
    assert_false(file_exists(fixture_text("%s.partial", to)));
    FD_CLEANUP(fd_store_closep) fd_store *copy = fixture_open(to);
    database_expect_filled(copy);
    assert_int_equal(fixture_counts(store).items, 4);
}

static void a_backup_replaces_no_file(void **state) {
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(database_path(state));
    database_fill(store);
    const char *to = fixture_text("%s.copy", database_path(state));
    fd_backup made;
    assert_int_equal(back_up(store, to, &made), 0);
    struct stat before, after;
    assert_int_equal(stat(to, &before), 0);
    assert_int_equal(back_up(store, to, &made), -EEXIST);
    assert_int_equal(back_up(store, database_path(state), &made), -EEXIST);
    assert_int_equal(stat(to, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(back_up(store, fixture_text("%s.absent/x", database_path(state)), &made),
                     -ENOENT);
}

static void the_file_of_a_running_backup_is_refused_and_that_of_a_dead_one_reused(void **state) {
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(database_path(state));
    database_fill(store);
    const char *to = fixture_text("%s.copy", database_path(state));
    int file = open(fixture_text("%s.partial", to), O_RDWR | O_CREAT, 0600);
    assert_int_equal(write(file, "SQLite format 3", 16), 16);
    assert_int_equal(flock(file, LOCK_EX), 0);
    fd_backup made;
    assert_int_equal(back_up(store, to, &made), -EBUSY);
    assert_int_equal(lseek(file, 0, SEEK_END), 16);
    assert_int_equal(close(file), 0);
    assert_int_equal(back_up(store, to, &made), 0);
    FD_CLEANUP(fd_store_closep) fd_store *copy = fixture_open(to);
    database_expect_filled(copy);
}

static bool cancel_at_the_third_call(void *context) {
    size_t *calls = context;
    return ++*calls < 3;
}

static void a_cancelled_backup_leaves_no_file(void **state) {
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(database_path(state));
    fixture_add_numbered_items(store, 2);
    enum { LABELS = 20000 };
    FD_FREE fd_label_row *rows = calloc(LABELS, sizeof(*rows));
    FD_FREE char(*ids)[16] = calloc(LABELS, sizeof(*ids));
    assert_true(rows && ids);
    for (size_t i = 0; i < LABELS; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "l%zu", i);
        rows[i] = fixture_label(ids[i], 0, 1);
    }
    (void)fixture_add_labels(store, rows, LABELS);
    const char *to = fixture_text("%s.copy", database_path(state));
    fd_backup made;
    fd_fault fault = {0};
    size_t calls = 0;
    assert_int_equal(
        store->operations->back_up(store, to, cancel_at_the_third_call, &calls, &made, &fault),
        -ECANCELED);
    assert_int_equal(calls, 3);
    assert_false(file_exists(to));
    assert_false(file_exists(fixture_text("%s.partial", to)));
}

struct writing {
    fd_store *store;
    atomic_bool stop;
};

static void *write_pairs(void *context) {
    struct writing *writing = context;
    for (size_t i = 0; !atomic_load(&writing->stop); i++) {
        char ids[2][32];
        fd_label_row rows[2];
        for (size_t k = 0; k < 2; k++) {
            (void)snprintf(ids[k], sizeof(ids[k]), "w%zu-%zu", i, k);
            rows[k] = fixture_label(ids[k], 0, 1);
        }
        (void)fixture_add_labels(writing->store, rows, 2);
    }
    return NULL;
}

static void backups_are_consistent_while_labels_arrive(void **state) {
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(database_path(state));
    fixture_add_numbered_items(store, 2);
    struct writing writing = {.store = store};
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_pairs, &writing), 0);
    uint64_t before = 0;
    for (size_t i = 0; i < 20; i++) {
        const char *to = fixture_text("%s.%zu", database_path(state), i);
        fd_backup made;
        assert_int_equal(back_up(store, to, &made), 0);
        assert_int_equal(made.counts.labels % 2, 0);
        assert_true(made.counts.labels >= before);
        before = made.counts.labels;
        FD_CLEANUP(fd_store_closep) fd_store *copy = fixture_open(to);
        fixture_check(copy);
    }
    atomic_store(&writing.stop, true);
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_true(fixture_counts(store).labels >= before);
    fixture_check(store);
}

static void a_store_in_memory_cannot_be_backed_up(void **state) {
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    assert_int_equal(fd_store_open_memory(&store), 0);
    fd_backup made;
    assert_int_equal(back_up(store, database_path(state), &made), -EOPNOTSUPP);
}

/* ---- restoring ---- */

/* Backs up a filled database, and then adds an item to it; the store is still open. */
static fd_store *open_changed_since_backup(const char *path, const char *backup) {
    fd_store *store = fixture_open(path);
    fd_backup made;
    database_fill(store);
    assert_int_equal(back_up(store, backup, &made), 0);
    fd_item_row more = fixture_item("more");
    (void)fixture_add_items(store, &more, 1);
    return store;
}

static void restoring_replaces_a_database_and_keeps_the_old_one(void **state) {
    const char *path = database_path(state);
    char backup[100];
    (void)snprintf(backup, sizeof(backup), "%s.backup", path);
    fd_store *store = open_changed_since_backup(path, backup);
    FD_FREE char *kept = NULL;
    assert_int_equal(restore(path, backup, true, &kept), -EBUSY);
    fd_store_close(store);
    assert_int_equal(restore(path, backup, false, &kept), -EEXIST);
    assert_int_equal(restore(path, backup, true, &kept), 0);

    store = fixture_open(path);
    database_expect_filled(store);
    fd_store_close(store);
    store = fixture_open(kept);
    assert_int_equal(fixture_counts(store).items, 4);
    fd_store_close(store);
    store = fixture_open(backup);
    database_expect_filled(store);
    fd_store_close(store);
    assert_false(file_exists(fixture_text("%s.restoring", path)));
    assert_false(file_exists(fixture_text("%s.restoring-wal", path)));
}

static void copy_file(const char *from, const char *to) {
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
    char bytes[4096];
    ssize_t length;
    assert_true(in >= 0 && out >= 0);
    while ((length = read(in, bytes, sizeof(bytes))) > 0)
        assert_int_equal(write(out, bytes, (size_t)length), length);
    assert_int_equal(close(in) | close(out), 0);
}

static void the_log_is_kept_with_its_old_database(void **state) {
    const char *path = database_path(state);
    char backup[100], live[100];
    (void)snprintf(backup, sizeof(backup), "%s.backup", path);
    (void)snprintf(live, sizeof(live), "%s.live", path);
    /* The files that a killed daemon leaves: those of an open database. */
    fd_store *store = open_changed_since_backup(live, backup);
    static const char *const parts[] = {"", "-wal"};
    for (size_t i = 0; i < FD_LENGTH(parts); i++)
        copy_file(fixture_text("%s%s", live, parts[i]), fixture_text("%s%s", path, parts[i]));
    FD_FREE char *kept = NULL;
    assert_int_equal(restore(path, backup, true, &kept), 0);
    assert_false(file_exists(fixture_text("%s-wal", path)));
    assert_true(file_exists(fixture_text("%s-wal", kept)));
    fd_store *restored = fixture_open(path);
    database_expect_filled(restored);
    fd_store_close(restored);
    fd_store_close(store);
}

static void restoring_an_older_schema_migrates_the_copy_only(void **state) {
    const char *path = database_path(state);
    char backup[100];
    (void)snprintf(backup, sizeof(backup), "%s.backup", path);
    database_run(backup, fd_sqlite_migrations[0].sql);
    database_run(backup, fixture_text("PRAGMA application_id = %d; PRAGMA user_version = 1",
                                      FD_SQLITE_APPLICATION_ID));
    FD_FREE char *kept = NULL;
    assert_int_equal(restore(path, backup, false, &kept), 0);
    assert_null(kept);
    assert_int_equal(database_integer(backup, "PRAGMA user_version"), 1);
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(path);
    assert_int_equal(fd_store_sqlite_schema(store).found, fd_sqlite_migration_count);
}

static int refuse_all(void *context, fd_store *store) {
    (void)store;
    return fd_fault_set(context, -EBADMSG, "", "not this one");
}

static void a_refused_backup_changes_nothing(void **state) {
    const char *path = database_path(state);
    char backup[100], text[100];
    (void)snprintf(backup, sizeof(backup), "%s.backup", path);
    (void)snprintf(text, sizeof(text), "%s.text", path);
    fd_store_close(open_changed_since_backup(path, backup));
    FILE *file = fopen(text, "w");
    assert_true(file && fputs("Dear diary, today I wrote more than sixteen bytes.\n", file) > 0);
    assert_int_equal(fclose(file), 0);

    FD_FREE char *kept = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_store_restore_sqlite(path, backup, true, refuse_all, &fault, &kept, &fault),
                     -EBADMSG);
    assert_string_equal(fault.detail, "not this one");
    assert_int_equal(restore(path, text, true, &kept), -EBADMSG);
    assert_int_equal(restore(path, fixture_text("%s.absent", path), true, &kept), -ENOENT);
    assert_int_equal(restore(path, path, true, &kept), -EINVAL);
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(path);
    assert_int_equal(fixture_counts(store).items, 4);
    assert_false(file_exists(fixture_text("%s.restoring", path)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_FOLDER(a_backup_holds_exactly_what_is_committed),
        ON_FOLDER(a_backup_replaces_no_file),
        ON_FOLDER(the_file_of_a_running_backup_is_refused_and_that_of_a_dead_one_reused),
        ON_FOLDER(a_cancelled_backup_leaves_no_file),
        ON_FOLDER(backups_are_consistent_while_labels_arrive),
        ON_FOLDER(a_store_in_memory_cannot_be_backed_up),
        ON_FOLDER(restoring_replaces_a_database_and_keeps_the_old_one),
        ON_FOLDER(the_log_is_kept_with_its_old_database),
        ON_FOLDER(restoring_an_older_schema_migrates_the_copy_only),
        ON_FOLDER(a_refused_backup_changes_nothing),
    };
    return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
