/* The data of an experiment: testbeds, and for each the rewards that answers may follow. */
#ifndef FD_EXPERIMENT_DATA_H
#define FD_EXPERIMENT_DATA_H

#include "experiment_plan.h"
#include "ranking_measures.h"
#include "reward_source.h"

typedef struct fd_experiment_reward {
    fd_reward_source source;
    char name[FD_REWARD_NAME_SIZE];
    double *values; /* [n_items]; NULL: votes without golden rewards */
    double noise;   /* of an honest annotator */
} fd_experiment_reward;

typedef struct fd_experiment_data {
    fd_testbed testbed;
    size_t n_rewards, capacity;
    fd_experiment_reward *rewards; /* [n_rewards] */
} fd_experiment_data;

typedef struct fd_experiment_sets {
    size_t count;
    fd_experiment_data *data; /* [count] */
} fd_experiment_sets;

/* Reads what --data and the like name. -EINVAL and the like with a fault, also if a split has
 * nothing to train or test on. The caller clears the sets in any case. */
int fd_experiment_sets_read(const fd_plan *plan, fd_experiment_sets *ret,
                            fd_fault *fault) FD_MUST_CHECK;
void fd_experiment_sets_clear(fd_experiment_sets *sets);

/* The roles [n_prompts] of the prompts in a split of the plan. -ENOMEM. */
int fd_experiment_split(const fd_plan *plan, const fd_testbed *testbed, uint64_t split,
                        fd_prompt_role *roles) FD_MUST_CHECK;

/* What a model of a reward is compared with. */
fd_truth fd_experiment_truth(const fd_experiment_data *data, size_t reward,
                             const fd_prompt_role *roles);

#endif
