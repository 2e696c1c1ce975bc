/*
 * News: rows that others committed, read in the round trip that locks the clock. They are what
 * other replicas change all the time; all else is read by catch_up when the clock says that it
 * changed. A replica that writes alone expects none, and reads none.
 */
#ifndef FD_POSTGRES_NEWS_H
#define FD_POSTGRES_NEWS_H

#include "postgres_backend.h"
#include "postgres_round.h"

/* Adds what is to be read after the newest tick that was applied, if others have written. */
void fd_postgres_news_ask(const fd_postgres_store *store, fd_postgres_round *round);

/* Keeps a result if it is one of news, and sets *result to NULL. */
void fd_postgres_news_keep(fd_postgres_news *news, fd_postgres_statement statement,
                           PGresult **result);

/* The result of a statement, which the caller frees; NULL: it is to be run. */
PGresult *fd_postgres_news_take(fd_postgres_news *news, fd_postgres_statement statement);

void fd_postgres_news_clear(fd_postgres_news *news);

#endif
