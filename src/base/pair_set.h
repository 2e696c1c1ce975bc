/*
 * A set of unordered pairs of item indices, with a count for each pair. It uses open addressing in
 * one flat array, because a selection looks up tens of thousands of candidates at once.
 */
#ifndef FD_PAIR_SET_H
#define FD_PAIR_SET_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "macros.h"

typedef struct fd_pair_set {
    size_t capacity; /* a power of two, or 0; a quarter is free */
    size_t used;     /* slots with a pair */
    struct fd_pair_slot {
        uint32_t low, high; /* both UINT32_MAX: the slot has never been used */
        uint32_t count;
    } * slots;
} fd_pair_set;

static inline uint64_t fd_pair_key(uint32_t a, uint32_t b) {
    return a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
}

static inline uint64_t fd_pair_slot_key(const struct fd_pair_slot *slot) {
    return (uint64_t)slot->low << 32 | slot->high;
}

static inline bool fd_pair_slot_is_used(const struct fd_pair_slot *slot) {
    return fd_pair_slot_key(slot) != UINT64_MAX; /* not the key of any two different items */
}

static inline size_t fd_pair_set_first(const fd_pair_set *set, uint64_t key) {
    return (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & (set->capacity - 1);
}

/* Has the processor fetch what looking up a pair needs. */
static inline void fd_pair_set_prefetch(const fd_pair_set *set, uint32_t a, uint32_t b) {
    if (set->capacity > 0)
        __builtin_prefetch(&set->slots[fd_pair_set_first(set, fd_pair_key(a, b))], 1);
}

static inline struct fd_pair_slot *fd_pair_set_slot(const fd_pair_set *set, uint64_t key) {
    size_t i = fd_pair_set_first(set, key);
    while (fd_pair_slot_is_used(&set->slots[i]) && fd_pair_slot_key(&set->slots[i]) != key)
        i = (i + 1) & (set->capacity - 1);
    return &set->slots[i];
}

/* How often a pair was added and not taken away again. */
static inline uint32_t fd_pair_set_count(const fd_pair_set *set, uint32_t a, uint32_t b) {
    return set->capacity == 0 ? 0 : fd_pair_set_slot(set, fd_pair_key(a, b))->count;
}

/* Makes a larger copy if the set has no room for `extra` more pairs; otherwise *ret is empty. */
FD_MUST_CHECK
static inline int fd_pair_set_enlarge(const fd_pair_set *set, size_t extra, fd_pair_set *ret) {
    size_t capacity = set->capacity ? set->capacity : 64;
    while ((set->used + extra) * 4 > capacity * 3)
        capacity *= 2;
    *ret = (fd_pair_set){0};
    if (capacity == set->capacity)
        return 0;

    fd_pair_set grown = {capacity, set->used, calloc(capacity, sizeof(*grown.slots))};
    if (!grown.slots)
        return -ENOMEM;
    for (size_t i = 0; i < capacity; i++)
        grown.slots[i].low = grown.slots[i].high = UINT32_MAX;
    for (size_t i = 0; i < set->capacity; i++)
        if (fd_pair_slot_is_used(&set->slots[i]))
            *fd_pair_set_slot(&grown, fd_pair_slot_key(&set->slots[i])) = set->slots[i];
    *ret = grown;
    return 0;
}

/* Exchanges a set for its larger copy, if there is one. */
static inline void fd_pair_set_exchange(fd_pair_set *set, fd_pair_set *larger) {
    fd_pair_set before = *set;
    if (larger->capacity == 0)
        return;
    *set = *larger;
    *larger = before;
}

static inline void fd_pair_set_clear(fd_pair_set *set) {
    free(set->slots);
    memset(set, 0, sizeof(*set));
}

/* Makes room for `extra` more pairs, so that adding them cannot fail. -ENOMEM. */
FD_MUST_CHECK
static inline int fd_pair_set_reserve(fd_pair_set *set, size_t extra) {
    fd_pair_set larger;
    int r = fd_pair_set_enlarge(set, extra, &larger);
    if (r < 0)
        return r;
    fd_pair_set_exchange(set, &larger);
    fd_pair_set_clear(&larger);
    return 0;
}

/* Adds one pair, for which room was reserved. Returns its count before. */
static inline uint32_t fd_pair_set_add(fd_pair_set *set, uint32_t a, uint32_t b) {
    uint64_t key = fd_pair_key(a, b);
    struct fd_pair_slot *slot = fd_pair_set_slot(set, key);
    set->used += fd_pair_slot_is_used(slot) ? 0 : 1;
    slot->low = (uint32_t)(key >> 32);
    slot->high = (uint32_t)key;
    return slot->count++;
}

/* Takes away one of a pair whose count is not 0. */
static inline void fd_pair_set_remove(fd_pair_set *set, uint32_t a, uint32_t b) {
    fd_pair_set_slot(set, fd_pair_key(a, b))->count--;
}

#endif
