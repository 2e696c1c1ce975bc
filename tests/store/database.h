/* Tests that look inside the SQLite backend: raw SQL and files. Each test has its own folder. */
#ifndef FD_STORE_DATABASE_H
#define FD_STORE_DATABASE_H

#include "fixture.h"

#include "sqlite_backend.h"
#include "sqlite_open.h"
#include "sqlite_schema.h"

int database_set_up(void **state);
int database_tear_down(void **state);
const char *database_path(void **state);

#define ON_FOLDER(test) cmocka_unit_test_setup_teardown(test, database_set_up, database_tear_down)

/* Run SQL without the backend. */
void database_run(const char *path, const char *sql);
int64_t database_integer(const char *path, const char *sql);
bool file_exists(const char *path);

/* Opening fails with `error`, for writing and for reading only. The fault has the path and `word`;
 * the file is unchanged. */
void database_expect_refusal(const char *path, int error, const char *word);

/* A store or database with three items, two labels and one model. */
void database_fill(fd_store *store);
void database_make(const char *path);
void database_expect_filled(fd_store *store);

#endif
