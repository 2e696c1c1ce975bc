/* Candidates as libfisher takes them: copies of the rows that the pairs name, from the snapshot and
 * of inline items. */
#ifndef FD_CANDIDATE_ROWS_H
#define FD_CANDIDATE_ROWS_H

#include <stdbool.h>

#include "engine_options.h"
#include "item_lookup.h"
#include "macros.h"
#include "snapshot_rows.h"

typedef struct fd_candidate_rows {
    fi_candidates candidates; /* a view of the arrays below */
    fd_snapshot_rows known;   /* without inline items */
    float *features;
    float *rewards;
    fi_pair *pairs;
    uint32_t *groups;
} fd_candidate_rows;

/*
 * Pairs name rows: a row below snapshot->items is an item of the table, row snapshot->items + i is
 * the i-th inline item of `found`, which may be NULL. `by_prompt`: the prompts are the groups of
 * the candidates; otherwise they have none.
 */
int fd_candidate_rows_build(fd_engine *engine, const fd_snapshot *snapshot, bool by_prompt,
                            const fi_pair *pairs, size_t n_pairs, const fd_item_rows *found,
                            fd_candidate_rows *ret) FD_MUST_CHECK;
void fd_candidate_rows_clear(fd_candidate_rows *rows);

#endif
