/* What a simulation learns from: items with embeddings, grouped by prompt, and golden rewards. */
#ifndef FD_TESTBED_H
#define FD_TESTBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "macros.h"

typedef enum fd_reward {
    FD_REWARD_JUDGE,
    FD_REWARD_TEACHER, /* a fixed random network over the embeddings */
    FD_REWARD_SUM,     /* of both */
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
    uint32_t *prompts;                /* [n_items] the prompt of each */
    uint32_t *members;                /* [n_items] items, prompt by prompt */
    size_t *first;                    /* [n_prompts + 1] where the members of each prompt begin */
    bool *held_out;                   /* [n_prompts] */
    double *rewards[FD_REWARD_COUNT]; /* [n_items] each */
} fd_testbed;

typedef struct fd_testbed_files {
    const char *name;
    const char *items;
    const char *embeddings;
    const char *prompt_embeddings; /* NULL: none */
    const char *golden;
} fd_testbed_files;

/* Row i of the embeddings and of the golden rewards is line i of the items; row k of the prompts'
 * is the k-th prompt in the order of the lines. -EINVAL and the like with a fault in words. */
int fd_testbed_read(const fd_testbed_files *files, fd_testbed *ret, fd_fault *fault) FD_MUST_CHECK;

/*
 * The example of Shen, Sun and Ton, section 4, in prompts of 24: points of the plane from a
 * standard normal, whose reward is the log density of two Gaussians.
 */
int fd_testbed_plane(fd_testbed *ret) FD_MUST_CHECK;

void fd_testbed_clear(fd_testbed *data);

/* For those who fill one. Room for all members, zeros; a prompt has one item at least. -ENOMEM. */
int fd_testbed_reserve(fd_testbed *data, const char *name, size_t n_items,
                       size_t dimension) FD_MUST_CHECK;

/* Groups the items and adds what follows from embeddings, prompts and the judge's rewards. */
int fd_testbed_complete(fd_testbed *data) FD_MUST_CHECK;

/* The share of the prompts with the smallest hash of their id, 30 % rounded, is held out. */
int fd_hold_out(size_t n_prompts, char *const *ids, bool *held_out) FD_MUST_CHECK;

/*
 * The reward of a random network with two hidden layers of 32 (GELU) over standardised embeddings,
 * weights normal with variance 1.5^2 / inputs, the same for every data set of a dimension; centred,
 * with a mean within-prompt standard deviation of 4. rewards [n_items].
 */
int fd_teacher_rewards(const fd_testbed *data, double *rewards) FD_MUST_CHECK;

#endif
