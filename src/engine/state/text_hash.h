/* The hash of a text: FNV-1a (Fowler, Noll, Vo), with one more multiplication to mix the high bits.
 */
#ifndef FD_TEXT_HASH_H
#define FD_TEXT_HASH_H

#include <stdint.h>

#define FD_TEXT_HASH_START 0xcbf29ce484222325u

/* Extends `hash` by a text; begin with FD_TEXT_HASH_START. */
static inline uint64_t fd_text_hash(uint64_t hash, const char *text) {
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return (hash ^ 0xff) * 0x100000001b3u;
}

#endif
