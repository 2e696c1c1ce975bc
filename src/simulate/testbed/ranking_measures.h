/* How well a model ranks items that it never saw. */
#ifndef FD_RANKING_MEASURES_H
#define FD_RANKING_MEASURES_H

#include "testbed.h"

/* Over the held-out prompts and all pairs within each. */
typedef struct fd_ranking_measures {
    double spearman;        /* of predicted and true rewards within a prompt, mean over prompts */
    double best_of_n;       /* true reward of the item ranked first, mean over prompts */
    double best_of_n_share; /* where that lies between the mean item, 0, and the best one, 1 */
    double accuracy;        /* expected share of answers that the model predicts */
    double log_loss;        /* expected, of the model's probabilities, nats per answer */
} fd_ranking_measures;

/* rewards, predicted [n_items]; only those of held-out items are read. -ENOMEM. */
int fd_measure_ranking(const fd_testbed *testbed, const double *rewards, const double *predicted,
                       double noise, fd_ranking_measures *ret) FD_MUST_CHECK;

#endif
