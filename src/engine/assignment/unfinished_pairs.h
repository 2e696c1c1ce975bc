/* Unfinished pairs: they have an answer or a skip, may go to further annotators, and do not lie
 * ready. A refill puts them back into a ready queue. Guarded by the lock of the assignments. */
#ifndef FD_UNFINISHED_PAIRS_H
#define FD_UNFINISHED_PAIRS_H

#include "pair_records.h"

typedef struct fd_unfinished_pairs {
    size_t count, capacity;
    uint64_t *keys; /* [count] fd_pair_key */
} fd_unfinished_pairs;

/* Adds a pair if it is unfinished. `record` may be NULL. */
void fd_unfinished_pairs_add(fd_unfinished_pairs *pairs, const fd_engine_options *options,
                             fd_pair_record *record);

/* Takes a pair that is still unfinished; false if there is none. */
bool fd_unfinished_pairs_take(fd_unfinished_pairs *pairs, fd_pair_records *records,
                              const fd_engine_options *options, fi_pair *ret);

void fd_unfinished_pairs_clear(fd_unfinished_pairs *pairs);

#endif
