/* Assignments in the database, and the key of their ids. */
#ifndef FD_SQLITE_ASSIGNMENTS_H
#define FD_SQLITE_ASSIGNMENTS_H

#include "sqlite_reading.h"
#include "store.h"

/* The store's operations. */
int fd_sqlite_assignments_write(fd_store *store, const fd_assignment_row *rows,
                                size_t n) FD_MUST_CHECK;
int fd_sqlite_assignments_read_open(fd_store *store, fd_assignment_row_visit *visit,
                                    void *context) FD_MUST_CHECK;
int fd_sqlite_assignments_read(fd_store *store, fd_assignment_row_visit *visit,
                               void *context) FD_MUST_CHECK;
int fd_sqlite_assignment_key_write(
    fd_store *store, const unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]) FD_MUST_CHECK;
int fd_sqlite_assignment_key(fd_store *store,
                             unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]) FD_MUST_CHECK;

/* The assignment in the columns of a row from `first` on. */
int fd_sqlite_assignment_at(const fd_sqlite_reading *reading, int first,
                            fd_assignment_row *ret) FD_MUST_CHECK;

#endif
