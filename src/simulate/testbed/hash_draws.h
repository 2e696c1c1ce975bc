/* Random draws by hashing: they depend on nothing but their inputs, so that runs with the same seed
 * are comparable. */
#ifndef FD_HASH_DRAWS_H
#define FD_HASH_DRAWS_H

#include <stdint.h>

/* A hash of a hash and one more number (the finalizer of splitmix64). */
static inline uint64_t fd_hash_mix(uint64_t hash, uint64_t value) {
    uint64_t z = (hash ^ value) + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline uint64_t fd_hash_mix_text(uint64_t hash, const char *text) {
    for (; *text; text++)
        hash = fd_hash_mix(hash, (unsigned char)*text);
    return hash;
}

/* Uniform in [0, 1). */
static inline double fd_hash_uniform(uint64_t hash) {
    return (double)(hash >> 11) * 0x1p-53;
}

#endif
