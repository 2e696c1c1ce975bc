/*
 * Sums of v d d' over pairs whose items fall into many small groups that no pair connects, as the
 * prompts of pairs within prompts.
 */
#ifndef FI_COMPONENT_INFORMATION_H
#define FI_COMPONENT_INFORMATION_H

#include "information.h"

/*
 * Adds the sum over the pairs of weight d d' to the information; the weights [n_pairs] are not
 * below 0, and NULL means ones. The Laplacian of each component of the graph is R' R, and the rows
 * of R F are fewer than its items: at most half the work of the other two ways where pairs are
 * many. 1, with the information as it was, if a component is too large; -ENOMEM.
 */
int fi_information_add_components(fi_information *information, const fi_distinct_items *distinct,
                                  const double *weights) FD_MUST_CHECK;

#endif
