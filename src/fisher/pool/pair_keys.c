/* Sorts keys of pairs, and looks for a key among sorted ones. */
#include "pair_keys.h"

#include <stdlib.h>

static int by_key(const void *x, const void *y) {
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

void fi_sort_keys(uint64_t *keys, size_t n) {
    if (n > 1)
        qsort(keys, n, sizeof(*keys), by_key);
}

bool fi_key_is_among(uint64_t key, const uint64_t *keys, size_t n) {
    return n > 0 && bsearch(&key, keys, n, sizeof(*keys), by_key) != NULL;
}
