/* The data of a simulation: items with embeddings, grouped by prompt, and their true rewards. */
#ifndef FD_TESTBED_H
#define FD_TESTBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "macros.h"

/* Which rewards the simulated annotators follow. */
typedef enum fd_reward {
    FD_REWARD_JUDGE,   /* the golden rewards of the data */
    FD_REWARD_TEACHER, /* a fixed random network over the embeddings (teacher.h) */
    FD_REWARD_SUM,     /* the sum of both */
    FD_REWARD_COUNT
} fd_reward;

typedef struct fd_testbed {
    char *name;
    size_t n_items;
    size_t dimension;
    size_t n_prompts;
    float *embeddings;                /* [n_items x dimension] */
    char **ids;                       /* [n_items] */
    char **prompt_ids;                /* [n_prompts] */
    uint32_t *prompts;                /* [n_items] the prompt of each item */
    uint32_t *items_by_prompt;        /* [n_items] items, prompt by prompt */
    size_t *prompt_start;             /* [n_prompts + 1] where each prompt's items begin in it */
    bool *held_out;                   /* [n_prompts] */
    double *rewards[FD_REWARD_COUNT]; /* [n_items] each */
} fd_testbed;

/*
 * The example of Shen, Sun and Ton (arXiv 2502.04354), section 4, in prompts of 24 items: points of
 * the plane from a standard normal, with the reward of plane_reward.h. -ENOMEM.
 */
int fd_testbed_plane(fd_testbed *ret) FD_MUST_CHECK;

void fd_testbed_clear(fd_testbed *testbed);

/* ---- to fill a testbed ---- */

/* Makes room for all members, as zeros; each prompt has at least one item. -ENOMEM; the caller
 * clears the testbed in any case. */
int fd_testbed_reserve(fd_testbed *testbed, const char *name, size_t n_items,
                       size_t dimension) FD_MUST_CHECK;

/* Groups the items by prompt, holds prompts out and adds the rewards of teacher and sum, once
 * embeddings, prompts and the judge's rewards are set. -ENOMEM. */
int fd_testbed_complete(fd_testbed *testbed) FD_MUST_CHECK;

/* Holds out 30 % of the prompts, rounded: those with the smallest hash of their id. held_out
 * [n_prompts]. -ENOMEM. */
int fd_hold_out(size_t n_prompts, char *const *ids, bool *held_out) FD_MUST_CHECK;

#endif
