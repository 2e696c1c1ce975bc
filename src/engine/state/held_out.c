/* Decides by a hash of the two ids whether a pair is held out. */
#include "held_out.h"

#include <string.h>

#include "text_hash.h"

double fd_pair_held_out_share(const char *a, const char *b) {
    bool swapped = strcmp(a, b) > 0;
    uint64_t hash = fd_text_hash(FD_TEXT_HASH_START, swapped ? b : a);
    hash = fd_text_hash(hash, swapped ? a : b);
    hash = (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15u;
    return (double)(hash >> 11) * 0x1p-53;
}

bool fd_pair_is_held_out(const char *a, const char *b, double fraction) {
    return fd_pair_held_out_share(a, b) < fraction;
}
