/* Asking the simulated annotators about the pairs of the queue. */
#ifndef FD_QUESTION_ANSWERS_H
#define FD_QUESTION_ANSWERS_H

#include "experiment_state.h"

/* Answers the next `count` pairs of the queue, each by `redundancy` annotators, or by fewer where
 * fewer votes are left. */
int fd_experiment_answer_pairs(fd_experiment *experiment, size_t count) FD_MUST_CHECK;

#endif
