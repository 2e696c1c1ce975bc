/* Looks up the items that a request names: ids become rows of a snapshot. */
#ifndef FD_ITEM_LOOKUP_H
#define FD_ITEM_LOOKUP_H

#include "engine_options.h"
#include "fault.h"
#include "macros.h"
#include "score.h"
#include "snapshot.h"

/* Rows of a snapshot. An item of the table has its index as its row; inline items have the rows
 * from snapshot->items upwards. */
typedef struct fd_item_rows {
    uint32_t *rows;
    size_t n_extra;
    float *extra;               /* [n_extra x D], the embeddings of the inline items */
    float *extra_text_features; /* [n_extra x FD_TEXT_FEATURES], as item_text_features.h says */
    float *extra_scores;     /* [n_extra x FD_SCORE_NAMES_MAX] by number of the name; NaN: none */
    uint32_t *extra_prompts; /* [n_extra] indices of the table; FI_NO_GROUP: none */
} fd_item_rows;

/*
 * Looks up n references. Reference i belongs to element i / members of the request's `list`: it is
 * the element's member names[i % members], or the element itself if names is NULL; faults point
 * there. -EINVAL with a fault for an unknown id or an embedding of another dimension.
 */
int fd_item_lookup(fd_engine *engine, const fd_snapshot *snapshot, const char *list,
                   const char *const *names, size_t members, const fd_item_reference *references,
                   size_t n, fd_item_rows *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_item_rows_clear(fd_item_rows *rows);

/* The prompt of each item of a snapshot: malloc'd [snapshot->items]. */
int fd_item_prompts(fd_engine *engine, const fd_snapshot *snapshot, uint32_t **ret) FD_MUST_CHECK;

/* The prompts of some rows, into `prompts` [n]; FI_NO_GROUP for rows that the snapshot does not
 * have. */
void fd_item_prompts_of(fd_engine *engine, const fd_snapshot *snapshot, const uint32_t *rows,
                        size_t n, uint32_t *prompts);

#endif
