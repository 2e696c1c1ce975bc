/* The Bradley-Terry loss of answers, given the rewards of the items. */
#ifndef FI_LOSS_H
#define FI_LOSS_H

#include <fisher/train.h>

/* log(1 + exp(z)) - t z for a logit z and a target t, without overflow. */
double fi_loss(double logit, double target);

/* Returns the mean loss over the answers, of which there is at least one, and sets slopes [n_items]
 * to d mean loss / d reward. rewards [n_items] */
double fi_loss_slopes(size_t n_items, const float *rewards, const fi_answers *answers,
                      float *slopes);

#endif
