/* The Bradley-Terry loss as a function of the items' rewards; fi_evaluate is in train.h. */
#ifndef FI_LOSS_H
#define FI_LOSS_H

#include <fisher/train.h>

/* log(1 + exp(z)) - t z, without overflow. */
double fi_loss(double logit, double target);

/* Sets slopes [n_items] to d mean loss / d reward and returns the mean loss, given rewards
 * [n_items] and at least one answer. */
double fi_loss_slopes(size_t n_items, const float *rewards, const fi_answers *answers,
                      float *slopes);

#endif
