/* How well rewards rank items of prompts that no model saw. */
#ifndef FD_RANKING_MEASURES_H
#define FD_RANKING_MEASURES_H

#include "prompt_split.h"

/* What rewards are compared with. */
typedef struct fd_truth {
    const double *rewards; /* [n_items]; NULL: only votes are known */
    double noise;          /* an annotator prefers a with probability sigmoid(difference / noise) */
    const fd_recorded_votes *votes; /* what people answered; NULL: the expected answers count */
    const fd_prompt_role *roles;    /* [n_prompts] */
} fd_truth;

enum { FD_BEST_OF_MOST = 64 };

/* Over the testing prompts and the pairs within each. NaN where it is unknown. */
typedef struct fd_ranking_measures {
    double spearman;        /* of predicted and true rewards within a prompt, mean over prompts */
    double partial;         /* the same, given the lengths of the responses */
    double best_of_n;       /* true reward of the item ranked first, mean over prompts */
    double best_of_n_share; /* where that lies between the mean item, 0, and the best one, 1 */
    double accuracy;        /* expected share of answers that the model predicts, without ties */
    double log_loss;        /* expected, of the model's probabilities, nats per answer */
    size_t n_best_of;       /* at most FD_BEST_OF_MOST */
    double best_of[FD_BEST_OF_MOST]; /* [n_best_of] the share for the best of 2, 3, … responses,
                                        over all draws of that size; the best is 1 */
} fd_ranking_measures;

/* predicted [n_items]; only those of testing prompts are read. Equal ones are ordered at random.
 * -ENOMEM. */
int fd_measure_ranking(const fd_testbed *testbed, const fd_truth *truth, const double *predicted,
                       fd_ranking_measures *ret) FD_MUST_CHECK;

/* The factor by which the log length of a response is the best reward: that with the least log loss
 * on the pairs of prompts with a role. 0 without lengths or pairs. */
double fd_length_slope(const fd_testbed *testbed, const fd_truth *truth, fd_prompt_role role);

#endif
