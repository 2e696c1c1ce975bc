/* The k largest keys, and heaps of keys. */
#ifndef FI_TOP_K_H
#define FI_TOP_K_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "macros.h"

/* A key and the candidate that it belongs to. */
typedef struct fi_ranked {
    double key;
    uint32_t index;
} fi_ranked;

/* Larger keys rank first; of equal keys, the one with the lower index. */
static inline bool fi_ranks_before(fi_ranked x, fi_ranked y) {
    return x.key > y.key || (x.key == y.key && x.index < y.index);
}

/* Heaps whose root ranks first: make one, and restore one after its root has changed. */
void fi_heap_build(fi_ranked *heap, size_t count);
void fi_heap_sift(fi_ranked *heap, size_t count);

/* Sets ret_indices [k] to the indices of the k largest of n keys, in the order of their rank.
 * k <= n. -ENOMEM. */
int fi_top_k(size_t n, const double *keys, size_t k, uint32_t *ret_indices) FD_MUST_CHECK;

#endif
