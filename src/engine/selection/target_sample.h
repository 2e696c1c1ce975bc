/* Targets drawn from the item table: the pairs whose ranking a selection improves. */
#ifndef FD_TARGET_SAMPLE_H
#define FD_TARGET_SAMPLE_H

#include "engine_options.h"
#include "macros.h"
#include "snapshot_rows.h"

typedef struct fd_target_sample {
    fi_candidates targets; /* a view of the rows, with their prompts as groups; n_pairs is 0 if
                              prompts with two items were not found */
    fd_snapshot_rows rows;
    uint32_t *prompts;
} fd_target_sample;

/* Draws 250 pairs: a prompt uniformly among those with two items, then two of its items. With
 * `whole_prompts` it draws 40 of these prompts, and pairs that name all of their items, or 64 of
 * more. */
int fd_target_sample_draw(fd_engine *engine, const fd_snapshot *snapshot, bool whole_prompts,
                          uint64_t seed, fd_target_sample *ret) FD_MUST_CHECK;

void fd_target_sample_clear(fd_target_sample *sample);

#endif
