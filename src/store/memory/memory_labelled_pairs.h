/* The store's operation on labelled pairs, in memory. */
#ifndef FD_MEMORY_LABELLED_PAIRS_H
#define FD_MEMORY_LABELLED_PAIRS_H

#include "memory_items.h"
#include "memory_labels.h"

/* As the store's operation, without any assignments. */
int fd_memory_labelled_pairs_read(const fd_memory_items *items, const fd_memory_labels *labels,
                                  int64_t after, int64_t moment, size_t limit, bool texts,
                                  fd_labelled_pair_visit *visit, void *context) FD_MUST_CHECK;
int fd_memory_revision_read(const fd_memory_items *items, const fd_memory_labels *labels,
                            int64_t sequence, fd_labelled_pair_visit *visit,
                            void *context) FD_MUST_CHECK;

#endif
