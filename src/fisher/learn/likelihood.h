/* The likelihood of answers as a function of beta, features fixed. */
#ifndef FI_LIKELIHOOD_H
#define FI_LIKELIHOOD_H

#include <fisher/train.h>

#include "design_private.h"

typedef struct fi_likelihood {
    fi_distinct_items *distinct;
    const float *targets; /* [n_pairs] */
    double *block;        /* [FI_BLOCK_ROWS x h] centred features */
    double *rewards;      /* [m] features beta, up to a constant */
    double *slopes;       /* [m] sum of t - p, with the sign of the item's side */
    double *weights;      /* [n_pairs] v */
} fi_likelihood;

/* features [n_items x n_features] and the answers stay the caller's. -EINVAL as fi_refit, -ENOMEM;
 * the caller clears it in any case. */
int fi_likelihood_init(fi_likelihood *these, size_t n_items, size_t n_features,
                       const float *features, const fi_answers *answers) FD_MUST_CHECK;
void fi_likelihood_clear(fi_likelihood *these);

/* The sum of the losses at beta [h]; rewards, slopes and weights are those of beta from then on. */
double fi_likelihood_look(fi_likelihood *these, const double *beta);

/* gradient [h] += sum of (t - p) d at the beta that was looked at */
void fi_likelihood_add_gradient(fi_likelihood *these, double *gradient);

#endif
