/* Labels with their items and assignments. */
#ifndef FD_POSTGRES_LABELLED_PAIRS_H
#define FD_POSTGRES_LABELLED_PAIRS_H

#include "store.h"

/* The store's operations. */
int fd_postgres_labelled_pairs_read(fd_store *store, int64_t after, int64_t moment, size_t limit,
                                    bool texts, fd_labelled_pair_visit *visit,
                                    void *context) FD_MUST_CHECK;
int fd_postgres_revision_read(fd_store *store, int64_t sequence, fd_labelled_pair_visit *visit,
                              void *context) FD_MUST_CHECK;

#endif
