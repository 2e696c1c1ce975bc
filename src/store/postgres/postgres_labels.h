/* Labels in the database. */
#ifndef FD_POSTGRES_LABELS_H
#define FD_POSTGRES_LABELS_H

#include "postgres_reading.h"

/* The store's operations. */
int fd_postgres_labels_add(fd_store *store, const fd_label_row *rows, size_t n, int64_t *sequences,
                           fd_added *ret) FD_MUST_CHECK;
int fd_postgres_label_rows_add(fd_store *store, const fd_label_row *rows, size_t n) FD_MUST_CHECK;
int fd_postgres_label_revise(fd_store *store, const fd_label_change *change,
                             fd_label_changed *ret) FD_MUST_CHECK;
int fd_postgres_labels_read(fd_store *store, int64_t after, size_t limit, fd_label_visit *visit,
                            void *context) FD_MUST_CHECK;
int fd_postgres_label_newest(fd_store *store, const char *id, int64_t *ret_sequence) FD_MUST_CHECK;

/* Revisions after a sequence, through a connection of the caller. */
int fd_postgres_labels_visit(fd_postgres_reading *reading, int64_t after, uint64_t limit,
                             fd_label_visit *visit, void *context) FD_MUST_CHECK;

/* The columns of LABELS_READ, from the first one. -EBADMSG */
int fd_postgres_label_of(const fd_postgres_reading *reading, fd_label_row *ret) FD_MUST_CHECK;

#endif
