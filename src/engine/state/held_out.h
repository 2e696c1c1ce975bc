/* Held-out pairs: the share of pairs that no model is trained on. */
#ifndef FD_HELD_OUT_H
#define FD_HELD_OUT_H

#include <stdbool.h>

/* Whether the pair of items with the ids a and b is held out. Only the ids decide, so the result
 * does not depend on the order of the two, on the time or on a restart. */
bool fd_pair_is_held_out(const char *a, const char *b, double fraction);

/* The pair is held out by every fraction above this, which is from 0 up to 1. */
double fd_pair_held_out_share(const char *a, const char *b);

#endif
