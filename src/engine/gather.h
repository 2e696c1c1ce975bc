/*
 * The items that some pairs name, gathered into a small dense matrix, so that the design's work
 * grows with the distinct items of a request and not with the item table.
 */
#ifndef FD_GATHER_H
#define FD_GATHER_H

#include "snapshot.h"

typedef struct fd_gathered {
    fi_candidates candidates; /* views of the arrays below */
    float *features;
    float *rewards;
    fi_pair *pairs;
} fd_gathered;

/*
 * Pairs of rows: a row below snapshot->items is an item of the table, row snapshot->items + i is
 * the i-th of n_extra further items with embeddings [n_extra x D].
 */
int fd_gather(const fd_snapshot *snapshot, const fi_pair *pairs, size_t n_pairs,
              const float *extra_embeddings, size_t n_extra, fd_gathered *ret) FD_MUST_CHECK;
void fd_gathered_clear(fd_gathered *gathered);

#endif
