/* Sample rows, short calls and a temporary folder for the tests of the store. */
#ifndef FD_STORE_FIXTURE_H
#define FD_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store.h"

/* Formats a text, which is valid until the fourth call after this one. */
const char *fixture_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

fd_item_row fixture_item(const char *id);
fd_label_row fixture_label(const char *id, uint32_t a, uint32_t b);
fd_model_row fixture_model(uint64_t version);

/* Must succeed. */
void fixture_begin(fd_store *store);
void fixture_commit(fd_store *store);

/* One transaction with one list, which must succeed. */
fd_added fixture_add_items(fd_store *store, const fd_item_row *rows, size_t n);
fd_added fixture_add_labels(fd_store *store, const fd_label_row *rows, size_t n);
void fixture_add_numbered_items(fd_store *store, size_t n);

fd_counts fixture_counts(fd_store *store);

/* The findings of a check, a line each. */
typedef struct fixture_findings {
    size_t count;
    char text[4096];
} fixture_findings;
fixture_findings fixture_find(fd_store *store);
void fixture_check(fd_store *store); /* expects no finding */

/* Opens the store at a path; must succeed. */
fd_store *fixture_open(const char *path);

/* A new folder, and the path of the database in it. */
typedef struct fixture_folder {
    char name[64];
    char path[80];
} fixture_folder;
void fixture_folder_make(fixture_folder *folder);
void fixture_folder_remove(fixture_folder *folder);

#endif
