/*
 * Candidates for libfisher: a view of the snapshot where all items are of the table; otherwise the
 * items that the pairs name, gathered beside the features of the inline ones.
 */
#ifndef FD_CANDIDATE_ROWS_H
#define FD_CANDIDATE_ROWS_H

#include "snapshot.h"

typedef struct fd_candidate_rows {
    fi_candidates candidates; /* views of the arrays below, or of the snapshot and the pairs */
    float *features;
    float *rewards;
    fi_pair *pairs;
    uint32_t *groups;
} fd_candidate_rows;

/*
 * Pairs of rows: a row below snapshot->items is an item of the table, row snapshot->items + i is
 * the i-th of n_extra further items with embeddings [n_extra x D]. `prompts` [snapshot->items]
 * become the groups of the candidates; NULL: none.
 */
int fd_candidate_rows_build(const fd_snapshot *snapshot, const uint32_t *prompts,
                            const fi_pair *pairs, size_t n_pairs, const float *extra_embeddings,
                            size_t n_extra, fd_candidate_rows *ret) FD_MUST_CHECK;
void fd_candidate_rows_clear(fd_candidate_rows *gathered);

#endif
