/* Looks in a database for rows that the rules for items and labels (item_rules.h) and for scores
 * would refuse, for text features that are not those of the texts, and for settings that cannot be
 * read. */
#ifndef FD_VERIFY_ROWS_H
#define FD_VERIFY_ROWS_H

#include "macros.h"
#include "store.h"

/* Passes to `visit` a sentence about each of the first such rows, and one with their number if
 * there are any, for items, scores and labels; the same for text features, of some 2,000 items.
 * -errno if the store cannot be read. */
int fd_engine_verify_rows(fd_store *store, fd_finding_visit *visit, void *context) FD_MUST_CHECK;

/* Passes a sentence about settings of the project with which no engine opens. */
int fd_engine_verify_project(fd_store *store, fd_finding_visit *visit, void *context) FD_MUST_CHECK;

#endif
