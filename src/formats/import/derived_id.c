/* Makes ids of hashes. */
#include "derived_id.h"

#include <endian.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { HASH_SIZE = 16 };

void fd_derived_id(const char *word, const char *const *texts, size_t n,
                   char ret[static FD_DERIVED_ID_SIZE]) {
    crypto_generichash_state state;
    unsigned char hash[HASH_SIZE];
    char digits[2 * HASH_SIZE + 1];
    (void)crypto_generichash_init(&state, NULL, 0, HASH_SIZE);
    for (size_t i = 0; i < n; i++) {
        size_t length = texts[i] ? strlen(texts[i]) : 0;
        uint64_t size = htole64(texts[i] ? (uint64_t)length : UINT64_MAX);
        (void)crypto_generichash_update(&state, (const unsigned char *)&size, sizeof(size));
        if (length > 0)
            (void)crypto_generichash_update(&state, (const unsigned char *)texts[i], length);
    }
    (void)crypto_generichash_final(&state, hash, HASH_SIZE);
    (void)sodium_bin2hex(digits, sizeof(digits), hash, HASH_SIZE);
    (void)snprintf(ret, FD_DERIVED_ID_SIZE, "%.12s-%s", word, digits);
}
