/*
 * Random numbers by xoshiro256++ (Blackman and Vigna 2019), seeded by splitmix64. The same seed
 * gives the same numbers on every machine. Not for secrets.
 */
#ifndef FD_RNG_H
#define FD_RNG_H

#include <math.h>
#include <stdint.h>

/* One stream of numbers, for one thread at a time. */
typedef struct fd_rng {
    uint64_t state[4];
} fd_rng;

static inline fd_rng fd_rng_seeded(uint64_t seed) {
    fd_rng rng;
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        rng.state[i] = z ^ (z >> 31);
    }
    return rng;
}

static inline uint64_t fd_rng_rotate(uint64_t x, int bits) {
    return (x << bits) | (x >> (64 - bits));
}

/* 64 uniform bits. */
static inline uint64_t fd_rng_next(fd_rng *rng) {
    uint64_t *s = rng->state;
    uint64_t result = fd_rng_rotate(s[0] + s[3], 23) + s[0];
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = fd_rng_rotate(s[3], 45);
    return result;
}

/* Uniform in [0, 1). */
static inline double fd_rng_uniform(fd_rng *rng) {
    return (double)(fd_rng_next(rng) >> 11) * 0x1p-53;
}

/* Uniform in 0 … bound - 1 for bound > 0, without bias (Lemire 2019). */
static inline uint64_t fd_rng_below(fd_rng *rng, uint64_t bound) {
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)fd_rng_next(rng) * bound;
    uint64_t low = (uint64_t)product;
    if (low < bound) {
        uint64_t threshold = -bound % bound;
        while (low < threshold) {
            product = (wide)fd_rng_next(rng) * bound;
            low = (uint64_t)product;
        }
    }
    return (uint64_t)(product >> 64);
}

/* Standard normal (Box and Muller 1958). */
static inline double fd_rng_normal(fd_rng *rng) {
    double radius = sqrt(-2.0 * log(1.0 - fd_rng_uniform(rng)));
    return radius * cos(6.283185307179586 * fd_rng_uniform(rng));
}

#endif
