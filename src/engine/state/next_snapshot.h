/* The snapshot that follows from a transaction. */
#ifndef FD_NEXT_SNAPSHOT_H
#define FD_NEXT_SNAPSHOT_H

#include <stdbool.h>

#include "engine_state.h"

/* What the jobs of a transaction add up to while they are stored; the writer's own. */
typedef struct fd_pending {
    size_t items;       /* rows of embeddings, with those of the table */
    size_t revisions;   /* of labels, with those of the table */
    size_t score_names; /* with those of the table */
    fd_snapshot *base;  /* the snapshot of another model to serve; borrowed, or NULL */
    const struct fd_coming_vectors *coming; /* serve from now on, for an untrained model unless
                                               there is a base; borrowed, or NULL */
    const struct fd_score_changes *scores;  /* those that were stored, the newest first; borrowed */
    bool
        refreshes; /* an untrained model that does not know all extras and settings is made again */
} fd_pending;

/* Makes the snapshot for the tables as they will be after the transaction. NULL if the snapshot
 * that serves stays right. Called by the writer, or before it runs. */
int fd_next_snapshot(fd_engine *engine, const fd_pending *pending, fd_snapshot **ret) FD_MUST_CHECK;

/* Whether an untrained model serves that does not know all extras and settings, and that no refit
 * can teach them. Called by the writer. */
bool fd_untrained_is_behind(const fd_engine *engine);

#endif
