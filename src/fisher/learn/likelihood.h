/*
 * The likelihood of answers as a function of beta, with fixed features. If a side is known, beta
 * has one more coefficient after those of the features: the pull of the left side.
 */
#ifndef FI_LIKELIHOOD_H
#define FI_LIKELIHOOD_H

#include <fisher/train.h>

#include "distinct_items.h"
#include "information.h"

typedef struct fi_likelihood {
    fi_distinct_items *distinct;
    size_t p;                   /* coefficients: h, or h + 1 with sides */
    const float *targets;       /* [n_pairs] */
    const float *sides;         /* [n_pairs], or NULL if none is known */
    const float *reliabilities; /* [n_pairs], or NULL for ones */
    double *rewards;            /* [m] features beta, up to a constant */
    double *slopes;             /* [m] sum of x (t - p), minus that where the item is b */
    double *errors;             /* [n_pairs] x (t - p) */
    double *weights;            /* [n_pairs] x^2 v */
} fi_likelihood;

/* Features [n_items x n_features] and answers stay the caller's. -EINVAL as fi_refit, -ENOMEM;
 * clear it in any case. */
int fi_likelihood_init(fi_likelihood *likelihood, size_t n_items, size_t n_features,
                       const float *features, const fi_answers *answers) FD_MUST_CHECK;
void fi_likelihood_clear(fi_likelihood *likelihood);

/* Returns the sum of the losses at beta [p], and sets rewards, slopes, errors and weights. */
double fi_likelihood_evaluate(fi_likelihood *likelihood, const double *beta);

/* gradient [p] += scale sum of x (t - p) d at the beta that was evaluated last */
void fi_likelihood_add_gradient(fi_likelihood *likelihood, double scale, double *gradient);

/* information [p x p] += scale sum of x^2 v d d' at the beta that was evaluated last. -ENOMEM. */
int fi_likelihood_add_information(fi_likelihood *likelihood, double scale,
                                  fi_information *information) FD_MUST_CHECK;

#endif
