/* Which prompts of a testbed train a model, and which test it. */
#ifndef FD_PROMPT_SPLIT_H
#define FD_PROMPT_SPLIT_H

#include "testbed.h"

typedef enum fd_prompt_role {
    FD_PROMPT_TRAINS,
    FD_PROMPT_TESTS,
    FD_PROMPT_ABSENT, /* of the other part */
} fd_prompt_role;

/* The halves of a data set: choices are made on one, and confirmed on the other. */
typedef enum fd_part {
    FD_PART_ALL,
    FD_PART_DEVELOPMENT,
    FD_PART_CONFIRMATION,
} fd_part;

extern const char *const fd_part_names[]; /* ends with NULL */

typedef struct fd_prompt_split {
    fd_part part;
    uint64_t number;   /* splits of the same part differ by it */
    double test_share; /* of the prompts of the part */
} fd_prompt_split;

/*
 * Sets roles [n_prompts]. The prompts with the smaller hash of their ids, half of all, are the
 * development part. Those of the part with the smallest hash of the number and their ids test.
 * Nothing but the ids and the split counts. -ENOMEM.
 */
int fd_split_prompts(size_t n_prompts, char *const *ids, const fd_prompt_split *split,
                     fd_prompt_role *roles) FD_MUST_CHECK;

/* A hash of the ids of the prompts of a part, in any order, to name the part by. -ENOMEM. */
int fd_part_digest(size_t n_prompts, char *const *ids, fd_part part, uint64_t *ret) FD_MUST_CHECK;

#endif
