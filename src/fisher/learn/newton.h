/* Newton's method for the J of refit.h, at one prior precision after another. */
#ifndef FI_NEWTON_H
#define FI_NEWTON_H

#include <fisher/refit.h>

#include "likelihood.h"

typedef struct fi_newton {
    const fi_refit_options *options;
    fi_likelihood likelihood; /* looked at beta last */
    size_t h;
    double precision;
    double objective;            /* J */
    double loss;                 /* the sum in J */
    double at_mean;              /* J there, at any precision */
    double *mean;                /* [h] m */
    double *offset;              /* [h] beta - m */
    double *pull;                /* [h] A (beta - m) */
    double *beta;                /* [h] */
    double *trial;               /* [h] */
    double *direction;           /* [h] */
    fi_information *information; /* H without lambda */
    fi_factor *factor;           /* of H */
    uint32_t steps;
    bool converged;
} fi_newton;

/* `options` of the state are set, all else is zero. -EINVAL for answers, a mean or P that make no
 * sense, -ENOMEM; the caller clears it in any case. start [h] */
int fi_newton_init(fi_newton *state, size_t n_items, size_t n_features, const float *features,
                   const fi_answers *answers, const double *start) FD_MUST_CHECK;
void fi_newton_clear(fi_newton *state);

/* From where beta stands to the least J. -EDOM where the numbers stop being finite,
 * -ECANCELED. */
int fi_newton_minimise(fi_newton *state, double precision) FD_MUST_CHECK;

#endif
