/* Rewards of items under the serving model. */
#ifndef FD_SCORE_H
#define FD_SCORE_H

#include "engine.h"

/* An item of the table by its id, or one that is in no table by its embedding. */
typedef struct fd_item_reference {
    const char *id;         /* NULL: the embedding counts */
    const float *embedding; /* [dimension] */
    size_t dimension;
} fd_item_reference;

typedef struct fd_score {
    double reward;
    double stddev; /* of the reward under the posterior N(beta, M^-1): sqrt(phi' M^-1 phi) */
} fd_score;

/* scores [n]. Faults point at "/items/i…". -ENOENT is not used: an unknown id is -EINVAL. */
int fd_engine_score(fd_engine *engine, const fd_item_reference *items, size_t n, fd_score *scores,
                    uint64_t *ret_model_version, fd_fault *fault) FD_MUST_CHECK;

#endif
