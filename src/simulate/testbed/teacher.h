/* Rewards of a fixed random network, as a task that no linear model solves. */
#ifndef FD_TEACHER_H
#define FD_TEACHER_H

#include "testbed.h"

/*
 * The network has two hidden layers of 32 (GELU) over standardised embeddings. Its weights are
 * normal with variance 1.5^2 / inputs, and the same for every testbed of a dimension. The rewards
 * are centred and scaled to a mean standard deviation of 4 within prompts. rewards [n_items].
 * -ENOMEM.
 */
int fd_teacher_rewards(const fd_testbed *testbed, double *rewards) FD_MUST_CHECK;

#endif
