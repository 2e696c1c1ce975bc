/* Choosing the pairs of a round, by the engine. */
#ifndef FD_PAIR_CHOICE_H
#define FD_PAIR_CHOICE_H

#include "experiment_state.h"

/* Lists the pairs with votes that the run may ask; none where no votes are replayed.
 * -EINVAL with a fault if votes are replayed and there are none about such pairs; -ENOMEM. */
int fd_experiment_list_voted(fd_experiment *experiment) FD_MUST_CHECK;

/* Fills the empty queue with `count` pairs, or fewer, as flags and run say. -ENODATA if every pair
 * was asked; -errno. */
int fd_experiment_fill_queue(fd_experiment *experiment, size_t count) FD_MUST_CHECK;

#endif
