/* What simulated annotators answer, and how well a model ranks what it never saw. */
#ifndef FD_RANKING_MEASURES_H
#define FD_RANKING_MEASURES_H

#include "testbed.h"

/*
 * Whether an annotator prefers a to b: with probability sigmoid((reward a - reward b) / noise), by
 * a coin that is a hash of the seed, the two items and the repetition, so that whoever asks about
 * the pair, from whichever side, gets the same answer.
 */
bool fd_prefers_a(const double *rewards, double noise, uint64_t seed, uint32_t a, uint32_t b,
                  uint64_t repetition);

/* Over the held-out prompts and all pairs within each. */
typedef struct fd_measures {
    double spearman;        /* of a prompt's predicted and golden rewards, mean over prompts */
    double best_of_n;       /* golden reward of the item ranked first, mean over prompts */
    double best_of_n_share; /* where that lies between the mean item, 0, and the best one, 1 */
    double accuracy;        /* expected share of answers that the model foretells */
    double log_loss;        /* expected, of the model's probabilities, nats an answer */
} fd_measures;

/* rewards, predicted [n_items]; those of other items are not looked at. -ENOMEM. */
int fd_ranking_measures_of(const fd_testbed *data, const double *rewards, const double *predicted,
                           double noise, fd_measures *ret) FD_MUST_CHECK;

#endif
