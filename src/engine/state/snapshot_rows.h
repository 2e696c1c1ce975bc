/* Pairs of the snapshot's items with copies of what libfisher reads of them, so that its work
 * depends on the number of pairs rather than on that of all items. */
#ifndef FD_SNAPSHOT_ROWS_H
#define FD_SNAPSHOT_ROWS_H

#include "snapshot.h"

typedef struct fd_snapshot_rows {
    fi_candidates candidates; /* the pairs, over the copied items; without groups */
    size_t count;             /* of the items that the pairs name */
    uint32_t *rows;           /* [count] of the snapshot, in their order */
    float *features;          /* [count x h] */
    float *rewards;           /* [count] */
    fi_pair *pairs;           /* [n_pairs] */
} fd_snapshot_rows;

int fd_snapshot_rows_copy(const fd_snapshot *snapshot, const fi_pair *pairs, size_t n_pairs,
                          fd_snapshot_rows *ret) FD_MUST_CHECK;
void fd_snapshot_rows_clear(fd_snapshot_rows *rows);

#endif
