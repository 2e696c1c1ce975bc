/* Raw SQL, files and refusals for the tests that look inside the SQLite backend. */
#include "database.h"
#include "sqlite_store.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int database_set_up(void **state) {
    static fixture_folder folder;
    fixture_folder_make(&folder);
    *state = &folder;
    return 0;
}

int database_tear_down(void **state) {
    fixture_folder_remove(*state);
    return 0;
}

const char *database_path(void **state) {
    return ((fixture_folder *)*state)->path;
}

void database_run(const char *path, const char *sql) {
    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

int64_t database_integer(const char *path, const char *sql) {
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

bool file_exists(const char *path) {
    return access(path, F_OK) == 0;
}

void database_expect_refusal(const char *path, int error, const char *word) {
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

void database_fill(fd_store *store) {
    fixture_add_numbered_items(store, 3);
    fd_label_row labels[] = {fixture_label("l0", 0, 1), fixture_label("l1", 1, 2)};
    assert_int_equal(fixture_add_labels(store, labels, 2).created, 2);
    fd_model_row model = fixture_model(1);
    fixture_begin(store);
    assert_int_equal(store->operations->model_add(store, &model), 0);
    fixture_commit(store);
}

void database_make(const char *path) {
    FD_CLEANUP(fd_store_closep) fd_store *store = fixture_open(path);
    database_fill(store);
}

void database_expect_filled(fd_store *store) {
    fd_counts counts = fixture_counts(store);
    assert_int_equal(counts.items, 3);
    assert_int_equal(counts.labels, 2);
    assert_int_equal(counts.label_rows, 2);
    assert_int_equal(counts.models, 1);
    fixture_check(store);
}
