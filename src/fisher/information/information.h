/* The inside of fi_information, and sums of v d d' over distinct items. */
#ifndef FI_INFORMATION_H
#define FI_INFORMATION_H

#include <fisher/information.h>

#include "distinct_items.h"
#include "macros.h"

struct fi_information {
    size_t n;
    double matrix[]; /* [n x n], both triangles */
};

FD_DEFINE_CLEANUP(fi_information, fi_information_free)

/* information += sum over the pairs of weight d d'. `weights` [n_pairs]; NULL means ones. -ENOMEM.
 */
int fi_information_add_weighted(fi_information *information, const fi_distinct_items *distinct,
                                const double *weights) FD_MUST_CHECK;

/* The two ways to do that, which give the same sum: by the differences of the pairs, or by the
 * Laplacian of the graph that has the items as nodes and the pairs as edges. Only the Laplacian
 * takes weights below 0. */
int fi_information_add_differences(fi_information *information, const fi_distinct_items *distinct,
                                   const double *weights) FD_MUST_CHECK;
int fi_information_add_laplacian(fi_information *information, const fi_distinct_items *distinct,
                                 const double *weights) FD_MUST_CHECK;

#endif
