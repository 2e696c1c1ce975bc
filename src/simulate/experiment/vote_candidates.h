/* The pairs that may be asked where votes are replayed. */
#ifndef FD_VOTE_CANDIDATES_H
#define FD_VOTE_CANDIDATES_H

#include "experiment_state.h"

/* Draws candidates for a selection of `count` pairs among the pairs with votes that no pair of the
 * queue is: those that nobody was asked about, or once these are used up those with votes left. As
 * many as the flags say, and of them the share that the learner's `contested` keeps; the strategy
 * random keeps all. *ret [*ret_count] are items of the testbed; the caller frees them. -ENODATA
 * without any; -ENOMEM. */
int fd_draw_vote_candidates(fd_experiment *experiment, const char *strategy, size_t count,
                            uint64_t seed, fi_pair **ret, size_t *ret_count) FD_MUST_CHECK;

#endif
