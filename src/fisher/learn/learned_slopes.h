/* The slopes of the annotators in one fi_learn. */
#ifndef FI_LEARNED_SLOPES_H
#define FI_LEARNED_SLOPES_H

#include "kinds.h"

/* Estimates them with the features of a linear model, for all fits that follow. */
int fi_learned_slopes_begin(fi_learning *learning) FD_MUST_CHECK;

/* Estimates them again with the features of a network that was trained on the answers, and fits its
 * last layer again if that changes what the answers count. */
int fi_learned_slopes_of_network(fi_learning *learning, const fi_answers *answers,
                                 fi_fitted *network) FD_MUST_CHECK;

#endif
