/*
 * Ids that are hashes of what they stand for, so that the same texts are the same item, whoever
 * brings them and however often: a word, "-", and BLAKE2b of 16 bytes in hexadecimal.
 */
#ifndef FD_DERIVED_ID_H
#define FD_DERIVED_ID_H

#include <stddef.h>

enum { FD_DERIVED_ID_SIZE = 48 };

/* The hash is that of the texts, each with its length before it (64 bits, little-endian; NULL has
 * the length 2^64 - 1 and no text). */
void fd_derived_id(const char *word, const char *const *texts, size_t n,
                   char ret[static FD_DERIVED_ID_SIZE]);

#endif
