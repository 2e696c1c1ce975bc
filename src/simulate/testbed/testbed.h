/* The data of a simulation: items with texts and embeddings, grouped by prompt, and what is known
 * about their quality. */
#ifndef FD_TESTBED_H
#define FD_TESTBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "macros.h"
#include "recorded_votes.h"

typedef struct fd_testbed {
    char *name;
    char *embedding_name; /* of the embeddings, where a data set has several; empty for its own */
    char *folder;         /* of the items' file, for further files; NULL: there is none */
    size_t n_items;
    size_t dimension;
    size_t prompt_dimension; /* the first numbers of an embedding, which come from the prompt */
    size_t n_prompts;
    float *embeddings;         /* [n_items x dimension] */
    char **ids;                /* [n_items] */
    char **responses;          /* [n_items] texts; NULL where there is none */
    char **prompt_ids;         /* [n_prompts] */
    char **prompt_texts;       /* [n_prompts]; NULL where there is none */
    uint32_t *prompts;         /* [n_items] the prompt of each item */
    uint32_t *items_by_prompt; /* [n_items] items, prompt by prompt */
    size_t *prompt_start;      /* [n_prompts + 1] where each prompt's items begin in it */
    double *golden;            /* [n_items] the judge's rewards; NULL: there are none */
    double *log_lengths;       /* [n_items] log(characters + 1) of the responses; NULL: some item
                                  has no text */
    fd_recorded_votes votes;   /* what people answered about pairs; none without pairs */
} fd_testbed;

/*
 * The example of Shen, Sun and Ton (arXiv 2502.04354), section 4, in prompts of 24 items: points of
 * the plane from a standard normal, with the reward of plane_reward.h. -ENOMEM.
 */
int fd_testbed_plane(fd_testbed *ret) FD_MUST_CHECK;

void fd_testbed_clear(fd_testbed *testbed);

/* ---- to fill a testbed ---- */

/* Makes room for all members but the votes, as zeros; each prompt has at least one item. -ENOMEM;
 * the caller clears the testbed in any case. */
int fd_testbed_reserve(fd_testbed *testbed, const char *name, size_t n_items,
                       size_t dimension) FD_MUST_CHECK;

/* Groups the items by prompt and measures the responses, once prompts and texts are set. */
void fd_testbed_complete(fd_testbed *testbed);

#endif
