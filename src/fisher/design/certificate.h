/* A bound on log det M(C) over all batches C of k candidates: no batch can be better. */
#ifndef FI_CERTIFICATE_H
#define FI_CERTIFICATE_H

#include <fisher/selection.h>

#include "factor.h"

/* Gives a bound what it needs of the candidates, whether they are listed or a pool. */
typedef struct fi_oracle {
    /*
     * With the factor of X and g_i = v_i d_i' X^-1 d_i: sets *ret_largest to the sum of the k
     * largest g, *ret_batch to the sum over the batch, and adds v d d' of those k candidates to
     * `information` unless it is NULL. 0 or -errno.
     */
    int (*largest)(void *context, const fi_factor *at, size_t k, double *ret_largest,
                   double *ret_batch, fi_information *information);
    void *context;
} fi_oracle;

/* Sets *ret_bound to an upper bound on the log det of M with any k candidates. `before` is the
 * factor of M, `after` that of M with the batch. -ECANCELED, -ENOMEM. */
int fi_certify(const fi_factor *before, const fi_factor *after, size_t k,
               const fi_selection_options *options, const fi_oracle *oracle,
               double *ret_bound) FD_MUST_CHECK;

#endif
