/* Targets without the length and the style of texts, so that a selection improves the ranking of
 * contents alone. The candidates keep them: an answer about a pair tells of its style as well, and
 * so the learner can separate the two. */
#ifndef FD_CONTENT_TARGETS_H
#define FD_CONTENT_TARGETS_H

#include "macros.h"
#include "snapshot.h"

/* Starts as all zero. */
typedef struct fd_content_targets {
    fi_candidates targets; /* a view: features and rewards are its own, the rest is borrowed */
    float *features;
    float *rewards;
    fi_pair *drawn; /* pairs of a pool; NULL for others */
} fd_content_targets;

/* A copy of `from`, whose columns of the text are 0. -ENOMEM. */
int fd_content_targets_copy(const fd_snapshot *snapshot, const fi_candidates *from,
                            fd_content_targets *ret) FD_MUST_CHECK;

/* The same of 250 pairs of a pool, drawn with the seed; fewer if pairs in its scope are rare.
 * -ENOMEM. */
int fd_content_targets_draw(const fd_snapshot *snapshot, const fi_pool *pool, uint64_t seed,
                            fd_content_targets *ret) FD_MUST_CHECK;

void fd_content_targets_clear(fd_content_targets *targets);

#endif
