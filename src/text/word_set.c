/* A set of words, sorted byte by byte from the lowest. */
#include "word_set.h"

#include "array.h"

enum { BYTES = 8, VALUES = 256 };

static unsigned byte_of(uint64_t hash, size_t byte) {
    return (unsigned)(hash >> (8 * byte)) & 0xff;
}

int fd_word_set_add(fd_word_set *set, uint64_t hash) {
    int r = fd_array_reserve(&set->hashes, &set->capacity, set->count + 1, sizeof(*set->hashes));
    if (r < 0)
        return r;
    set->hashes[set->count++] = hash;
    return 0;
}

/* Copies the hashes in the order of one of their bytes, and otherwise as they were. */
static void sort_by_byte(const uint64_t *from, size_t n, size_t byte, const size_t *counts,
                         uint64_t *to) {
    size_t next[VALUES], sum = 0;
    for (size_t i = 0; i < VALUES; i++) {
        next[i] = sum;
        sum += counts[i];
    }
    for (size_t i = 0; i < n; i++)
        to[next[byte_of(from[i], byte)]++] = from[i];
}

static void drop_repeated(fd_word_set *set) {
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++)
        if (kept == 0 || set->hashes[i] != set->hashes[kept - 1])
            set->hashes[kept++] = set->hashes[i];
    set->count = kept;
}

static void exchange(fd_word_set *set) {
    fd_word_set before = *set;
    set->hashes = before.spare;
    set->capacity = before.spare_capacity;
    set->spare = before.hashes;
    set->spare_capacity = before.capacity;
}

int fd_word_set_sort(fd_word_set *set) {
    size_t counts[BYTES][VALUES] = {{0}};
    int r = fd_array_reserve(&set->spare, &set->spare_capacity, set->count, sizeof(*set->spare));
    if (r < 0)
        return r;
    for (size_t i = 0; i < set->count; i++)
        for (size_t byte = 0; byte < BYTES; byte++)
            counts[byte][byte_of(set->hashes[i], byte)]++;
    for (size_t byte = 0; byte < BYTES; byte++) {
        sort_by_byte(set->hashes, set->count, byte, counts[byte], set->spare);
        exchange(set);
    }
    drop_repeated(set);
    return 0;
}

size_t fd_word_set_shared(const fd_word_set *a, const fd_word_set *b) {
    size_t shared = 0;
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        uint64_t left = a->hashes[i], right = b->hashes[j];
        shared += left == right;
        i += left <= right;
        j += right <= left;
    }
    return shared;
}

void fd_word_set_empty(fd_word_set *set) {
    set->count = 0;
}

void fd_word_set_clear(fd_word_set *set) {
    free(set->hashes);
    free(set->spare);
    *set = (fd_word_set){0};
}
