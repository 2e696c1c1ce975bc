/* Scores of items in the database. */
#ifndef FD_SQLITE_SCORES_H
#define FD_SQLITE_SCORES_H

#include "store.h"

/* The store's operations. */
int fd_sqlite_scores_add(fd_store *store, const fd_score_row *rows, size_t n,
                         size_t *ret_changed) FD_MUST_CHECK;
int fd_sqlite_scores_read(fd_store *store, fd_score_visit *visit, void *context) FD_MUST_CHECK;

#endif
