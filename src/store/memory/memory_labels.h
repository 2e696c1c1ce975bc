/* Labels in memory, with all their revisions. */
#ifndef FD_MEMORY_LABELS_H
#define FD_MEMORY_LABELS_H

#include "memory_table.h"
#include "store.h"

typedef struct fd_memory_labels {
    fd_memory_table table;         /* the history */
    struct fd_memory_label *by_id; /* a hash table of revisions 0; used by the writer only */
    size_t committed_ids;          /* guarded by the table's lock */
} fd_memory_labels;

void fd_memory_labels_clear(fd_memory_labels *labels);

/* Drops all but the first `keep` revisions. */
void fd_memory_labels_drop(fd_memory_labels *labels, size_t keep);

/* Commits all rows of the history. The caller holds the lock for writing. */
void fd_memory_labels_commit(fd_memory_labels *labels);

/* As the store's operations. Labels name items below `n_items`. */
int fd_memory_labels_add(fd_memory_labels *labels, size_t n_items, const fd_label_row *rows,
                         size_t n, int64_t *sequences, fd_added *ret) FD_MUST_CHECK;
int fd_memory_label_rows_add(fd_memory_labels *labels, size_t n_items, const fd_label_row *rows,
                             size_t n) FD_MUST_CHECK;
int fd_memory_label_revise(fd_memory_labels *labels, const fd_label_change *change,
                           fd_label_changed *ret) FD_MUST_CHECK;
int fd_memory_labels_read(const fd_memory_labels *labels, int64_t after, size_t limit,
                          fd_label_visit *visit, void *context) FD_MUST_CHECK;
int fd_memory_label_newest(const fd_memory_labels *labels, const char *id,
                           int64_t *ret_sequence) FD_MUST_CHECK;

#endif
