/* The two kinds of model, fitted to answers. Their inputs are prepared items. */
#ifndef FI_KINDS_H
#define FI_KINDS_H

#include "fitted_layer.h"
#include "learning.h"

typedef struct fi_fitted {
    fi_model *model;      /* of prepared items, without extras; its own beta is not used */
    fi_last_layer *layer; /* over the features of the model and the extras */
    uint32_t steps;       /* Newton steps, or training steps up to the weights that were kept */
} fi_fitted;

void fi_fitted_clear(fi_fitted *fitted);

/* The shape of a model of prepared items. */
fi_shape fi_prepared_shape(const fi_learning *learning, uint32_t hidden_layers);

/* Fits the last layer of a model again, to answers. */
int fi_fit_last_layer(fi_learning *learning, const fi_answers *answers,
                      fi_fitted *fitted) FD_MUST_CHECK;

/* The slopes of annotators under the features of a model. */
int fi_fit_reliabilities(fi_learning *learning, const fi_model *model, const fi_answers *answers,
                         fi_reliabilities **ret) FD_MUST_CHECK;

/* rewards [learning->data.n_items] */
int fi_fitted_rewards(const fi_learning *learning, const fi_fitted *fitted,
                      float *rewards) FD_MUST_CHECK;

/* Fits a linear model to some of the answers of learning->data. Errors as fi_learn; clear *ret in
 * any case. */
int fi_fit_linear(fi_learning *learning, const fi_answers *answers, fi_fitted *ret) FD_MUST_CHECK;

/* Trains a network on them for at most `steps`. If `held_out` is not NULL, its loss decides when to
 * stop. */
int fi_fit_network(fi_learning *learning, const fi_answers *answers, const fi_answers *held_out,
                   uint32_t steps, fi_fitted *ret) FD_MUST_CHECK;

#endif
