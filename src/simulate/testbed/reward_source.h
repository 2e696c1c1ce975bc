/* What the answers of a simulation follow: rewards of a judge or of a teacher, or recorded votes.
 */
#ifndef FD_REWARD_SOURCE_H
#define FD_REWARD_SOURCE_H

#include "fault.h"
#include "testbed.h"

typedef enum fd_reward_kind {
    FD_REWARD_AUTO,    /* votes where the data have any, else the judge */
    FD_REWARD_JUDGE,   /* the golden rewards of the data */
    FD_REWARD_VOTES,   /* no rewards: each vote is one answer */
    FD_REWARD_TEACHER, /* the network of seed 1 */
    FD_REWARD_SUM,     /* the sum of judge and teacher */
    FD_REWARD_NETWORK, /* a network with a seed */
    FD_REWARD_LINEAR,  /* a linear teacher with a seed */
} fd_reward_kind;

typedef struct fd_reward_source {
    fd_reward_kind kind;
    uint64_t seed; /* of a teacher */
} fd_reward_source;

enum { FD_REWARD_NAME_SIZE = 40 };

/* Reads an entry of --rewards: a kind, "network:SEED", or "network:FIRST-LAST" for several, which
 * `visit` gets one by one. -EINVAL with a fault. */
int fd_reward_sources_read(const char *text,
                           int (*visit)(void *context, const fd_reward_source *source),
                           void *context, fd_fault *fault) FD_MUST_CHECK;

void fd_reward_source_name(const fd_reward_source *source, char name[FD_REWARD_NAME_SIZE]);

/* What FD_REWARD_AUTO means for a testbed; other sources stay. */
fd_reward_source fd_reward_source_for(const fd_testbed *testbed, fd_reward_source source);

/* Sets *ret to a new array [n_items]: the rewards, or with votes the golden ones. NULL without
 * those. -EINVAL with a fault if the testbed lacks what the source needs; -ENOMEM. */
int fd_reward_source_values(const fd_testbed *testbed, const fd_reward_source *source, double **ret,
                            fd_fault *fault) FD_MUST_CHECK;

#endif
