/*
 * Exact greedy on log det, lazily (Minoux 1978). In whitened coordinates u of the differences M is
 * the identity, and after t picks its inverse is the identity - sum over j <= t of c_j c_j', so
 *
 *     leverage of a pair after t picks = |u|^2 - sum over j <= t of (c_j' u)^2
 *
 * which only falls: a value that lags behind is an upper bound and is brought up to date only when
 * it reaches the top of the heap. The batch is that of plain greedy.
 */
#ifndef FI_LAZY_H
#define FI_LAZY_H

#include "admission.h"

typedef struct fi_lazy {
    const fi_distinct *distinct; /* with the pairs to pick from */
    const float *whitened;       /* [m x h] by the factor of M before the first pick */
    const double *weights;       /* [n_pairs] */
    fi_admission *admission;
    const fi_selection_options *options;
    uint8_t *offered; /* [n_pairs] 1 for those offered before, which are passed over; kept so */
    double floor;     /* picks none whose v d' M^-1 d is this or less: others may have more */
} fi_lazy;

/*
 * Appends picks to `batch` until it has k, none is left, the best is at the floor, or gains have
 * fallen so far that float32 whitening by the first M no longer tells them apart: then the caller
 * whitens by the M that has grown and comes again. Nothing is appended only where none is left
 * above the floor, or those left were refused.
 */
int fi_lazy_pick(const fi_lazy *from, size_t k, uint32_t *batch, size_t *count) FD_MUST_CHECK;

#endif
