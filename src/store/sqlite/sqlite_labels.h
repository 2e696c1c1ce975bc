/* The store's operations on labels. */
#ifndef FD_SQLITE_LABELS_H
#define FD_SQLITE_LABELS_H

#include "sqlite_reading.h"
#include "store.h"

int fd_sqlite_labels_add(fd_store *store, const fd_label_row *rows, size_t n, int64_t *sequences,
                         fd_added *ret) FD_MUST_CHECK;
int fd_sqlite_label_rows_add(fd_store *store, const fd_label_row *rows, size_t n) FD_MUST_CHECK;
int fd_sqlite_label_revise(fd_store *store, const fd_label_change *change,
                           fd_label_changed *ret) FD_MUST_CHECK;
int fd_sqlite_labels_read(fd_store *store, int64_t after, size_t limit, fd_label_visit *visit,
                          void *context) FD_MUST_CHECK;
int fd_sqlite_label_newest(fd_store *store, const char *id, int64_t *ret_sequence) FD_MUST_CHECK;

/* The label in the first columns of a row. */
int fd_sqlite_label_at(const fd_sqlite_reading *reading, fd_label_row *ret) FD_MUST_CHECK;

#endif
