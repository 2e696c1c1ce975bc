/* Rewards of fixed random functions of the embeddings. */
#ifndef FD_TEACHER_H
#define FD_TEACHER_H

#include "testbed.h"

typedef enum fd_teacher { FD_TEACHER_NETWORK, FD_TEACHER_LINEAR } fd_teacher;

/*
 * A network has two hidden layers of 32 (GELU) over standardised embeddings, and no linear model
 * solves it; a linear teacher is a sum of their columns. The weights are normal with variance 1.5^2
 * / inputs, and the same for every testbed of a dimension. The rewards are centred and scaled to a
 * mean standard deviation of 4 within prompts. rewards [n_items]. -ENOMEM.
 */
int fd_teacher_rewards(const fd_testbed *testbed, fd_teacher teacher, uint64_t seed,
                       double *rewards) FD_MUST_CHECK;

/* The standard deviation of rewards within a prompt, mean over the prompts with several items. */
double fd_reward_spread(const fd_testbed *testbed, const double *rewards);

#endif
