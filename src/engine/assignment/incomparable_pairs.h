/* Pairs that people cannot compare: keeps them out of the ready queues, and counts them. */
#ifndef FD_INCOMPARABLE_PAIRS_H
#define FD_INCOMPARABLE_PAIRS_H

#include "comparable.h"

/* A hook of the writer: with the first text of an item, the ready queues change their rule. */
void fd_incomparable_pairs_on_commit(fd_engine *engine);

/* What is not comparable, counted again only when items were added. */
int fd_incomparable_pairs_count(fd_engine *engine, fd_incomparable_counts *ret) FD_MUST_CHECK;

#endif
