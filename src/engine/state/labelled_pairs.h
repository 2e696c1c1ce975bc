/*
 * Reads labels with their items and with what is known of how each pair was chosen. It needs only a
 * store, so that a command can read a database that a daemon has open.
 */
#ifndef FD_LABELLED_PAIRS_H
#define FD_LABELLED_PAIRS_H

#include "engine_options.h"
#include "macros.h"
#include "store.h"

/* A moment is a number of rows of the history: what counts then does not change any more. */
typedef struct fd_labelled_pairs_query {
    int64_t after;  /* sequence */
    int64_t moment; /* at most the rows that the history has */
    size_t limit;
    bool texts;
} fd_labelled_pairs_query;

/*
 * Visits of each label its newest revision at the moment, in the order of the history. The
 * assignment is turned so that its item_a is a. Where its row is lost and its id proves it, it has
 * the arm and p of the id, and the rest is unknown.
 */
int fd_labelled_pairs_read(fd_store *store, const fd_labelled_pairs_query *query,
                           fd_labelled_pair_visit *visit, void *context) FD_MUST_CHECK;

/* The same on an engine, and the moment now. */
int fd_engine_labelled_pairs_read(fd_engine *engine, const fd_labelled_pairs_query *query,
                                  fd_labelled_pair_visit *visit, void *context) FD_MUST_CHECK;
int64_t fd_engine_moment(fd_engine *engine);

/* Visits the rows of the history at these places, any revisions. */
int fd_engine_revisions_read(fd_engine *engine, const int64_t *sequences, size_t n,
                             fd_labelled_pair_visit *visit, void *context) FD_MUST_CHECK;

/* Visits the newest revision of a label. -ENOENT if there is no label with the id. */
int fd_engine_label_read(fd_engine *engine, const char *id, fd_labelled_pair_visit *visit,
                         void *context) FD_MUST_CHECK;

#endif
