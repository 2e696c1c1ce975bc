/* Choosing the pairs of a round, by the engine. */
#ifndef FD_PAIR_CHOICE_H
#define FD_PAIR_CHOICE_H

#include "experiment_state.h"

/* Fills the empty queue with `count` pairs, as flags and run say. -EINVAL with a fault if every
 * pair was asked; -errno. */
int fd_experiment_fill_queue(fd_experiment *experiment, size_t count) FD_MUST_CHECK;

#endif
