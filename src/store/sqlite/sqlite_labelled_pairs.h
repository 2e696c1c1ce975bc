/* The store's operation on labelled pairs. */
#ifndef FD_SQLITE_LABELLED_PAIRS_H
#define FD_SQLITE_LABELLED_PAIRS_H

#include "store.h"

int fd_sqlite_labelled_pairs_read(fd_store *store, int64_t after, int64_t moment, size_t limit,
                                  bool texts, fd_labelled_pair_visit *visit,
                                  void *context) FD_MUST_CHECK;

int fd_sqlite_revision_read(fd_store *store, int64_t sequence, fd_labelled_pair_visit *visit,
                            void *context) FD_MUST_CHECK;

#endif
