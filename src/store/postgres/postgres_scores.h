/* Scores of items in the database. */
#ifndef FD_POSTGRES_SCORES_H
#define FD_POSTGRES_SCORES_H

#include "postgres_reading.h"

/* The store's operations. */
int fd_postgres_scores_add(fd_store *store, const fd_score_row *rows, size_t n,
                           size_t *ret_changed) FD_MUST_CHECK;
int fd_postgres_scores_read(fd_store *store, fd_score_visit *visit, void *context) FD_MUST_CHECK;

/* Scores after a sequence, through a connection of the caller. */
int fd_postgres_scores_visit(fd_postgres_reading *reading, int64_t after, fd_score_visit *visit,
                             void *context) FD_MUST_CHECK;

#endif
