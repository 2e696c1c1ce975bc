/*
 * Exact greedy on log det, lazily (Minoux 1978). In whitened coordinates u of the differences M is
 * the identity, and after t picks its inverse is the identity - sum over j <= t of c_j c_j', so
 *
 *     leverage of a pair after t picks = |u|^2 - sum over j <= t of (c_j' u)^2
 *
 * which only falls: a value that lags behind is an upper bound and is brought up to date only when
 * it reaches the top of the heap, or, where that happens to many, all at once through the items,
 * (c_j' u_a - c_j' u_b)^2. The batch is that of plain greedy. Where gains have fallen so far that
 * float32 no longer tells them apart, the pairs are whitened anew by the M that has grown.
 */
#ifndef FI_LAZY_GREEDY_H
#define FI_LAZY_GREEDY_H

#include "constraints.h"

typedef struct fi_lazy_greedy {
    const fi_distinct_items *distinct; /* with the pairs to pick from */
    const double *weights;             /* [n_pairs] */
    fi_constraints *admission;
    const fi_selection_options *options;
    uint8_t *offered; /* [n_pairs] 1 for those offered before, which are passed over; kept so */
    double floor;     /* picks none whose v d' M^-1 d is this or less: others may have more */
} fi_lazy_greedy;

/*
 * Appends picks to `batch` until it has k, none is left or the best is at the floor. *factor is
 * that of M before the first, and becomes that of M with the picks.
 */
int fi_lazy_greedy_pick(const fi_lazy_greedy *from, fi_factor **factor, size_t k, uint32_t *batch,
                        size_t *count) FD_MUST_CHECK;

#endif
