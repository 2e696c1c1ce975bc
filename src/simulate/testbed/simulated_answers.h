/* The answers of simulated annotators. */
#ifndef FD_SIMULATED_ANSWERS_H
#define FD_SIMULATED_ANSWERS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether an annotator prefers a to b: with probability sigmoid((reward a - reward b) / noise). The
 * coin is a hash of the seed, the two items and the repetition. So every strategy that asks about a
 * pair gets the same answer, whichever item comes first.
 */
bool fd_prefers_a(const double *rewards, double noise, uint64_t seed, uint32_t a, uint32_t b,
                  uint64_t repetition);

#endif
