/*
 * Exact greedy on log det, with lazy evaluation (Minoux 1978). With u the whitened differences, M
 * is the identity, and after t picks its inverse is identity - sum over j <= t of c_j c_j', so
 *
 *     leverage of a pair after t picks = |u|^2 - sum over j <= t of (c_j' u)^2
 *
 * which can only fall. An old value is an upper bound, and is updated only when it reaches the top
 * of the heap. If that happens often, all values are updated at once through the items, by (c_j'
 * u_a - c_j' u_b)^2. The batch is that of plain greedy. When the gains have fallen so far that
 * float32 no longer tells them apart, the pairs are whitened again with the present M.
 */
#ifndef FI_LAZY_GREEDY_H
#define FI_LAZY_GREEDY_H

#include <fisher/selection.h>

#include "constraints.h"
#include "distinct_items.h"
#include "factor.h"

typedef struct fi_lazy_greedy {
    const fi_distinct_items *distinct; /* with the candidates as its pairs */
    const double *weights;             /* [n_pairs] */
    fi_constraints *constraints;
    const fi_selection_options *options;
    uint8_t *offered; /* [n_pairs] 1 if a pair was offered; such pairs are skipped. Updated. */
    double floor;     /* skip pairs with v d' M^-1 d up to this: other pairs may have more */
} fi_lazy_greedy;

/*
 * Adds picks to the batch until it has k, no candidate is left, or the best is at the floor.
 * *factor is the factor of M before the first pick, and becomes that of M with the picks.
 * -ECANCELED, -ENOMEM.
 */
int fi_lazy_greedy_pick(const fi_lazy_greedy *from, fi_factor **factor, size_t k, uint32_t *batch,
                        size_t *count) FD_MUST_CHECK;

#endif
