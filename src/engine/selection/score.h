/* Rewards and preferences under the model that serves. */
#ifndef FD_SCORE_H
#define FD_SCORE_H

#include <fisher/model.h>

#include "engine_options.h"
#include "fault.h"
#include "macros.h"
#include "store_rows.h"

/* What an inline item may have beside its embedding; each may be NULL. */
typedef struct fd_inline_texts {
    const char *prompt;
    const char *response;
    const char *prompt_id; /* a prompt that the table does not have counts as none */
} fd_inline_texts;

/* An item of the table by its id, or an inline item by its embedding. */
typedef struct fd_item_reference {
    const char *id;         /* NULL: an inline item */
    const float *embedding; /* [dimension], of an inline item */
    size_t dimension;
    const fd_inline_texts *texts; /* NULL: none */
    const fd_item_score *scores;  /* [n_scores] of an inline item; a name that no item has counts
                                     as none */
    size_t n_scores;
} fd_item_reference;

typedef struct fd_pair_reference {
    fd_item_reference a;
    fd_item_reference b;
} fd_pair_reference;

/* What a reward, or the difference of two, is made of; each with the standard deviation under the
 * posterior N(beta, M^-1), which for features phi is sqrt(phi' M^-1 phi). */
typedef struct fd_score {
    double reward;
    double stddev;
    double content; /* the reward without the features of the text: text_columns.h */
    double content_stddev;
} fd_score;

/* scores [n]. -EINVAL for an unknown id or an embedding of another length; faults point at
 * "/items/i…". -EAGAIN with a fault before there are items. */
int fd_engine_score(fd_engine *engine, const fd_item_reference *items, size_t n, fd_score *scores,
                    uint64_t *ret_model_version, fd_fault *fault) FD_MUST_CHECK;

/* The same for the differences a - b; faults point at "/pairs/i/a" or "/pairs/i/b". */
int fd_engine_score_pairs(fd_engine *engine, const fd_pair_reference *pairs, size_t n,
                          fd_score *scores, uint64_t *ret_model_version,
                          fd_fault *fault) FD_MUST_CHECK;

/* The probability that a is preferred; 0.5 for items that the model does not know. */
double fd_engine_probability(fd_engine *engine, fi_pair pair, uint64_t *ret_model_version);

#endif
