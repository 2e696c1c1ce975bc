/*
 * The different words of a text, as hashes of 64 bits: two words with the same hash count as one.
 * They are sorted by their bytes rather than kept in a hash table, because a text could be made so
 * that its words share the slots of a table, and each look-up would pass all of them.
 */
#ifndef FD_WORD_SET_H
#define FD_WORD_SET_H

#include <stddef.h>
#include <stdint.h>

#include "macros.h"

typedef struct fd_word_set {
    size_t count;
    size_t capacity;
    uint64_t *hashes; /* [count]; ascending and different once they were sorted */
    size_t spare_capacity;
    uint64_t *spare; /* room for sorting */
} fd_word_set;

#define FD_WORD_HASH_START UINT64_C(0xcbf29ce484222325)

/* The hash of a word with one more character. */
static inline uint64_t fd_word_hash(uint64_t hash, uint32_t character) {
    hash = (hash ^ character) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 29);
}

int fd_word_set_add(fd_word_set *set, uint64_t hash) FD_MUST_CHECK; /* -ENOMEM */
int fd_word_set_sort(fd_word_set *set) FD_MUST_CHECK;               /* -ENOMEM */

/* How many words two sorted sets share. */
size_t fd_word_set_shared(const fd_word_set *a, const fd_word_set *b);

/* The first takes all words out and keeps the memory; the second frees it. */
void fd_word_set_empty(fd_word_set *set);
void fd_word_set_clear(fd_word_set *set);

#endif
