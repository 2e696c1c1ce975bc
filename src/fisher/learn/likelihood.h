/* The likelihood of answers as a function of beta, with fixed features. */
#ifndef FI_LIKELIHOOD_H
#define FI_LIKELIHOOD_H

#include <fisher/train.h>

#include "distinct_items.h"

typedef struct fi_likelihood {
    fi_distinct_items *distinct;
    const float *targets; /* [n_pairs] */
    double *block;        /* [FI_BLOCK_ROWS x h] centred features */
    double *rewards;      /* [m] features beta, up to a constant */
    double *slopes;       /* [m] sum of t - p, minus that where the item is b */
    double *weights;      /* [n_pairs] v */
} fi_likelihood;

/* Features [n_items x n_features] and answers stay the caller's. -EINVAL as fi_refit, -ENOMEM;
 * clear it in any case. */
int fi_likelihood_init(fi_likelihood *likelihood, size_t n_items, size_t n_features,
                       const float *features, const fi_answers *answers) FD_MUST_CHECK;
void fi_likelihood_clear(fi_likelihood *likelihood);

/* Returns the sum of the losses at beta [h], and sets rewards, slopes and weights. */
double fi_likelihood_evaluate(fi_likelihood *likelihood, const double *beta);

/* gradient [h] += sum of (t - p) d at the beta that was evaluated last */
void fi_likelihood_add_gradient(fi_likelihood *likelihood, double *gradient);

#endif
