/*
 * The most probable coefficients of a last layer, by Newton's method on J of last_layer.h.
 *
 * Most of the time of a fit goes into I, which changes little from one search to the next. So a
 * search keeps the I that it finds, as long as its steps are good.
 */
#ifndef FI_POSTERIOR_MODE_H
#define FI_POSTERIOR_MODE_H

#include <fisher/last_layer.h>

#include "factor.h"
#include "information.h"
#include "likelihood.h"

typedef struct fi_posterior_mode {
    const fi_last_layer_options *options;
    fi_likelihood likelihood;
    size_t p;                    /* coefficients */
    double share;                /* 1 / D, what each answer counts */
    double objective;            /* J */
    double loss;                 /* the sum over the answers, whole */
    double *mean;                /* [p] of the prior */
    double *precisions;          /* [p] of the prior */
    double *beta;                /* [p] */
    double *next;                /* [p] the beta that is tried next */
    double *direction;           /* [p] */
    fi_information *information; /* I, that of the answers; NULL before the first search */
    fi_factor *factor;           /* of H = I + precisions */
    uint32_t steps;
    bool converged;
    bool is_exact;     /* I is that of beta */
    bool is_evaluated; /* the likelihood is that of beta */
} fi_posterior_mode;

/* The caller sets `options` and leaves all else zero; afterwards it sets share, mean, precisions
 * and beta. Errors as fi_last_layer_fit; clear it in any case. */
int fi_posterior_mode_init(fi_posterior_mode *mode, size_t n_items, size_t n_features,
                           const float *features, const fi_answers *answers) FD_MUST_CHECK;
void fi_posterior_mode_clear(fi_posterior_mode *mode);

/* Moves beta to the least J, until a step lowers J by no more than the tolerance. I becomes that of
 * a beta on the way or stays as it was; the factor has that I and the precisions. -EDOM if the
 * numbers are no longer finite, -ECANCELED, -ENOMEM. */
int fi_posterior_mode_find(fi_posterior_mode *mode, double tolerance) FD_MUST_CHECK;

/* Makes I and the factor those at beta, after a search. -EDOM, -ENOMEM. */
int fi_posterior_mode_find_curvature(fi_posterior_mode *mode) FD_MUST_CHECK;

/* Finds I where the first search would begin: at beta, or at the mean if J is less there. Not the
 * factor. -ENOMEM. */
int fi_posterior_mode_begin(fi_posterior_mode *mode) FD_MUST_CHECK;

/* Sets the share that each answer counts, in I too. */
void fi_posterior_mode_set_share(fi_posterior_mode *mode, double share);

#endif
