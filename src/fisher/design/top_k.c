/* Finds the k largest keys with a heap of k. */
#include "top_k.h"

#include <errno.h>

/* The root of a heap ranks first; the root of an inverted heap ranks last. */
static inline void sift(fi_ranked *heap, size_t count, size_t at, bool inverted) {
    if (at >= count)
        return;
    fi_ranked moving = heap[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && fi_ranks_before(heap[child + 1], heap[child]) != inverted)
            child++;
        if (fi_ranks_before(heap[child], moving) == inverted)
            break;
        heap[at] = heap[child];
    }
    heap[at] = moving;
}

void fi_heap_build(fi_ranked *heap, size_t count) {
    for (size_t i = count / 2; i-- > 0;)
        sift(heap, count, i, false);
}

void fi_heap_sift(fi_ranked *heap, size_t count) {
    sift(heap, count, 0, false);
}

int fi_top_k(size_t n, const double *keys, size_t k, uint32_t *ret_indices) {
    FD_FREE fi_ranked *kept = calloc(k + 1, sizeof(*kept));
    if (!kept)
        return -ENOMEM;
    for (size_t i = 0; i < k; i++)
        kept[i] = (fi_ranked){keys[i], (uint32_t)i};
    for (size_t i = k / 2; i-- > 0;)
        sift(kept, k, i, true);
    /* After the first k, few candidates beat the last one that is kept. Equal keys never do. */
    for (size_t i = k; i < n; i++) {
        if (keys[i] > kept[0].key) {
            kept[0] = (fi_ranked){keys[i], (uint32_t)i};
            sift(kept, k, 0, true);
        }
    }
    for (size_t left = k; left > 0;) {
        ret_indices[--left] = kept[0].index;
        kept[0] = kept[left];
        sift(kept, left, 0, true);
    }
    return 0;
}
