/* Pairs of distinct items as numbers, which sort like the pairs. */
#ifndef FI_PAIR_KEYS_H
#define FI_PAIR_KEYS_H

#include <fisher/model.h>
#include <stdbool.h>

static inline uint64_t fi_pair_key(fi_pair pair) {
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): it misses the cast */
    return (uint64_t)pair.a << 32 | pair.b;
}

static inline fi_pair fi_pair_of_key(uint64_t key) {
    return (fi_pair){(uint32_t)(key >> 32), (uint32_t)key};
}

/* Sorts keys [n] in ascending order. */
void fi_sort_keys(uint64_t *keys, size_t n);

/* Whether a key is among keys [n] in ascending order. */
bool fi_key_is_among(uint64_t key, const uint64_t *keys, size_t n);

#endif
