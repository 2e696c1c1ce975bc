/*
 * Candidates as libfisher takes them: a view of the snapshot if all items are in the table,
 * otherwise copies of the rows that the pairs name, with those of the inline items.
 */
#ifndef FD_CANDIDATE_ROWS_H
#define FD_CANDIDATE_ROWS_H

#include "snapshot.h"

typedef struct fd_candidate_rows {
    fi_candidates candidates; /* a view of the arrays below, or of the snapshot and the pairs */
    float *features;
    float *rewards;
    fi_pair *pairs;
    uint32_t *groups;
} fd_candidate_rows;

/*
 * Pairs name rows: a row below snapshot->items is an item of the table, row snapshot->items + i is
 * the i-th of n_extra inline items with embeddings [n_extra x D]. `prompts` [snapshot->items] are
 * the groups of the candidates; NULL: they have none.
 */
int fd_candidate_rows_build(const fd_snapshot *snapshot, const uint32_t *prompts,
                            const fi_pair *pairs, size_t n_pairs, const float *extra_embeddings,
                            size_t n_extra, fd_candidate_rows *ret) FD_MUST_CHECK;
void fd_candidate_rows_clear(fd_candidate_rows *rows);

#endif
