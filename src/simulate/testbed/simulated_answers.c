/* Bradley-Terry answers whose coins are hashes. */
#include "simulated_answers.h"

#include <math.h>

#include "hash_draws.h"

bool fd_prefers_a(const double *rewards, double noise, uint64_t seed, uint32_t a, uint32_t b,
                  uint64_t repetition) {
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    uint64_t hash =
        fd_hash_mix(fd_hash_mix(fd_hash_mix(fd_hash_mix(0, seed), low), high), repetition);
    double probability = 1 / (1 + exp(-(rewards[low] - rewards[high]) / noise));
    bool prefers_low = fd_hash_uniform(hash) < probability;
    return prefers_low == (a == low);
}
