/* Assignments in the database. */
#ifndef FD_POSTGRES_ASSIGNMENTS_H
#define FD_POSTGRES_ASSIGNMENTS_H

#include "postgres_reading.h"

/* The store's operations. */
int fd_postgres_assignments_write(fd_store *store, const fd_assignment_row *rows,
                                  size_t n) FD_MUST_CHECK;
int fd_postgres_assignments_read_open(fd_store *store, fd_assignment_row_visit *visit,
                                      void *context) FD_MUST_CHECK;
int fd_postgres_assignments_read(fd_store *store, fd_assignment_row_visit *visit,
                                 void *context) FD_MUST_CHECK;
int fd_postgres_assignment_key(fd_store *store,
                               unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]) FD_MUST_CHECK;
int fd_postgres_assignment_key_write(
    fd_store *store, const unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]) FD_MUST_CHECK;

/* The rows of a reading whose parameters are bound. */
int fd_postgres_assignments_visit(fd_postgres_reading *reading, fd_assignment_row_visit *visit,
                                  void *context) FD_MUST_CHECK;

/* The columns of ASSIGNMENTS_READ_OPEN, from the column `first`. */
fd_assignment_row fd_postgres_assignment_of(const fd_postgres_reading *reading, int first);

#endif
