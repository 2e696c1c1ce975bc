/* Newton's method on J of refit.h, for one prior precision after another. */
#ifndef FI_NEWTON_H
#define FI_NEWTON_H

#include <fisher/refit.h>

#include "factor.h"
#include "information.h"
#include "likelihood.h"

typedef struct fi_newton {
    const fi_refit_options *options;
    fi_likelihood likelihood;
    size_t h;
    double precision;
    double objective;            /* J */
    double loss;                 /* the sum over the answers in J */
    double at_mean;              /* J(m), which no precision changes */
    double *mean;                /* [h] m */
    double *offset;              /* [h] beta - m */
    double *pull;                /* [h] A (beta - m) */
    double *beta;                /* [h] */
    double *next;                /* [h] the beta that is tried next */
    double *direction;           /* [h] */
    fi_information *information; /* H without lambda */
    fi_factor *factor;           /* of H */
    uint32_t steps;
    bool converged;
} fi_newton;

/* The caller sets `options` and leaves all else zero. start [h]. -EINVAL as fi_refit, -ENOMEM;
 * clear it in any case. */
int fi_newton_init(fi_newton *state, size_t n_items, size_t n_features, const float *features,
                   const fi_answers *answers, const double *start) FD_MUST_CHECK;
void fi_newton_clear(fi_newton *state);

/* Moves beta to the least J. -EDOM if the numbers are no longer finite, -ECANCELED, -ENOMEM. */
int fi_newton_minimise(fi_newton *state, double precision) FD_MUST_CHECK;

#endif
