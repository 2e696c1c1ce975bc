/* Tests that look under the SQLite backend: raw SQL and files, each test in a folder of its own. */
#ifndef FD_STORE_DATABASE_H
#define FD_STORE_DATABASE_H

#include "fixture.h"

#include "sqlite_backend.h"
#include "sqlite_open.h"
#include "sqlite_schema.h"

int database_set_up(void **state);
int database_tear_down(void **state);
const char *path_of(void **state);

#define ON_FOLDER(test) cmocka_unit_test_setup_teardown(test, database_set_up, database_tear_down)

void database_run(const char *path, const char *sql);
int64_t database_integer(const char *path, const char *sql);
bool is_there(const char *path);

/* Opening fails with `error`, in both ways, names the file and `word`, and changes no byte. */
void database_expect_refusal(const char *path, int error, const char *word);

/* Three items, two labels, one model. */
void database_fill(fd_store *store);
void database_make(const char *path);
void database_expect_filled(fd_store *store);

#endif
