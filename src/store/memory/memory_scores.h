/* The history of scores in memory. */
#ifndef FD_MEMORY_SCORES_H
#define FD_MEMORY_SCORES_H

#include "memory_table.h"
#include "store.h"

typedef struct fd_memory_scores {
    fd_memory_table table;
    struct fd_memory_score *newest; /* a hash table by item and name; used by the writer only */
} fd_memory_scores;

void fd_memory_scores_clear(fd_memory_scores *scores);

/* Drops all but the first `keep` rows. */
void fd_memory_scores_drop(fd_memory_scores *scores, size_t keep);

/* As the store's operations. Scores are of items below `n_items`. */
int fd_memory_scores_add(fd_memory_scores *scores, size_t n_items, const fd_score_row *rows,
                         size_t n, size_t *ret_changed) FD_MUST_CHECK;
int fd_memory_scores_read(const fd_memory_scores *scores, fd_score_visit *visit,
                          void *context) FD_MUST_CHECK;

#endif
