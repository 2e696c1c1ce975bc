/* How good the best batch can be: bounds on log det M(C) over all batches of k candidates. */
#ifndef FI_CERTIFICATE_H
#define FI_CERTIFICATE_H

#include "design_private.h"

/* Where a bound finds the candidates, listed or not. */
typedef struct fi_oracle {
    /*
     * With g_i = v_i d_i' X^-1 d_i at the factor of X, of all candidates: the sum of the k largest,
     * the sum over the batch at hand, and, where asked for, information += v d d' of those k.
     */
    int (*largest)(void *context, const fi_factor *at, size_t k, double *ret_largest,
                   double *ret_batch, fi_information *information);
    void *context;
} fi_oracle;

/* An upper bound on log det of M, given by its factor `before`, with any k candidates; `after` is
 * the factor of M with the batch at hand. */
int fi_certify(const fi_factor *before, const fi_factor *after, size_t k,
               const fi_selection_options *options, const fi_oracle *oracle,
               double *ret_bound) FD_MUST_CHECK;

#endif
