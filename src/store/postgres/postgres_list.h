/* Lists of rows that are added as a whole, or not at all. */
#ifndef FD_POSTGRES_LIST_H
#define FD_POSTGRES_LIST_H

#include "postgres_backend.h"

/* Adding a list: statements that find the row stored give no row, and then another statement
 * compares it. */
typedef struct fd_postgres_list {
    fd_postgres_statement add;  /* gives the number of a new row, or no row */
    fd_postgres_statement same; /* whether the stored row is the same, and a number about it */
    size_t n;
    bool goes_on;               /* the caller may undo the list after it was added */
    fd_postgres_bind_row *bind; /* for both */
    void *context;
    int64_t *numbers; /* [n]: of the new rows; what `same` gives of others */
    bool *is_new;     /* [n] */
    size_t *stored;   /* [n]: indices of the rows that are not new */
    size_t n_stored;
    size_t failed;         /* with an error: the first row that is not the same */
    int64_t failed_number; /* what `same` gives of it */
} fd_postgres_list;

void fd_postgres_list_clear(fd_postgres_list *list);

/* Adds the rows. -EEXIST: one is stored with other content, -ENOENT: one was neither added nor
 * found; then none is added, and the transaction goes on. */
int fd_postgres_list_add(fd_postgres_store *store, fd_postgres_list *list) FD_MUST_CHECK;

/* Undoes what was added since the list began; returns `result`, or -errno. */
int fd_postgres_list_undo(fd_postgres_store *store, const fd_postgres_list *list,
                          int result) FD_MUST_CHECK;

#endif
