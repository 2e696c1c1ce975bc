/* Looks in a database for rows that the rules for items and labels (item_rules.h) would refuse, and
 * for text features that are not those of the texts. */
#ifndef FD_VERIFY_ROWS_H
#define FD_VERIFY_ROWS_H

#include "macros.h"
#include "store.h"

/* Passes to `visit` a sentence about each of the first such rows, and one with their number if
 * there are any, for items and for labels; the same for text features, of some 2,000 items.
 * -errno if the store cannot be read. */
int fd_engine_verify_rows(fd_store *store, fd_finding_visit *visit, void *context) FD_MUST_CHECK;

#endif
