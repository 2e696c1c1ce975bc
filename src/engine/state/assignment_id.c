/* Makes and reads assignment ids: the arm's letter, p in three hexadecimal digits, a dash, 16
 * random digits and 32 of the hash. Ids used to have 24 random digits and no hash. */
#include "assignment_id.h"
#include "random_bytes.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DASH = 4,
    NUMBER = 5,
    HASH = NUMBER + 16,
    LENGTH = HASH + 32,
    OLD_LENGTH = NUMBER + 24,
    HASH_BYTES = 16
};

static_assert((int)LENGTH < (int)FD_ASSIGNMENT_ID_SIZE, "the NUL has room");

/* ---- the hash ---- */

static void hash_id(const unsigned char key[static FD_ASSIGNMENT_KEY_SIZE], const char *id,
                    fi_pair shown, const char *annotator, char digits[static 2 * HASH_BYTES + 1]) {
    unsigned char hash[HASH_BYTES];
    const uint32_t pair[2] = {shown.a, shown.b};
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, key, FD_ASSIGNMENT_KEY_SIZE, sizeof(hash));
    (void)crypto_generichash_update(&state, (const unsigned char *)id, HASH);
    (void)crypto_generichash_update(&state, (const unsigned char *)pair, sizeof(pair));
    (void)crypto_generichash_update(&state, (const unsigned char *)annotator, strlen(annotator));
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    (void)sodium_bin2hex(digits, 2 * HASH_BYTES + 1, hash, sizeof(hash));
}

static bool is_authentic(const unsigned char key[static FD_ASSIGNMENT_KEY_SIZE], const char *id,
                         fi_pair shown, const char *annotator) {
    char digits[2 * HASH_BYTES + 1];
    hash_id(key, id, shown, annotator, digits);
    return sodium_memcmp(digits, id + HASH, (size_t)2 * HASH_BYTES) == 0;
}

void fd_assignment_id_make(const unsigned char key[static FD_ASSIGNMENT_KEY_SIZE], fi_pair shown,
                           const char *annotator, bool control, double p,
                           char id[static FD_ASSIGNMENT_ID_SIZE]) {
    uint64_t number;
    fd_random_bytes(&number, sizeof(number));
    (void)snprintf(id, FD_ASSIGNMENT_ID_SIZE, "%c%03x-%016" PRIx64, control ? 'c' : 'a',
                   (unsigned)lrint(p * 2.0 * FD_ORIGIN_EVEN), number);
    hash_id(key, id, shown, annotator, id + HASH);
}

/* ---- reading ---- */

static int hexadecimal(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False unless all of the digits are hexadecimal ones. */
static bool read_digits(const char *text, size_t n, uint64_t *ret) {
    *ret = 0;
    for (size_t i = 0; i < n; i++) {
        int digit = hexadecimal(text[i]);
        if (digit < 0)
            return false;
        *ret = *ret << 4 | (uint64_t)digit;
    }
    return true;
}

/* What an id says of itself. */
static fd_origin decode(const char *id) {
    uint64_t p, number;
    if ((id[0] != 'a' && id[0] != 'c') || id[DASH] != '-' || !read_digits(id + 1, 3, &p) ||
        !read_digits(id + NUMBER, HASH - NUMBER, &number))
        return (fd_origin){.arm_and_p = FD_ORIGIN_NONE};
    return (fd_origin){
        .arm_and_p = (uint16_t)((id[0] == 'a' ? FD_ORIGIN_ACTIVE : FD_ORIGIN_CONTROL) | (int)p),
        .number = number};
}

/* The same assignment, seen with its items exchanged. */
static fd_origin exchange(fd_origin origin) {
    int p = origin.arm_and_p & 0xfff;
    int mirrored = p <= 2 * FD_ORIGIN_EVEN ? 2 * FD_ORIGIN_EVEN - p : 0;
    origin.arm_and_p = (uint16_t)((origin.arm_and_p & ~0xfff) | mirrored);
    origin.swapped = true;
    return origin;
}

fd_origin fd_origin_of(const unsigned char key[static FD_ASSIGNMENT_KEY_SIZE],
                       const fd_label_row *label) {
    const fd_origin none = {.arm_and_p = FD_ORIGIN_NONE};
    const char *id = label->assignment;
    size_t length = id ? strlen(id) : 0;
    if (length == OLD_LENGTH && label->is_old_assignment)
        return decode(id);
    if (length != LENGTH)
        return none;
    fd_origin origin = decode(id);
    if (origin.arm_and_p == FD_ORIGIN_NONE)
        return none;
    if (is_authentic(key, id, (fi_pair){label->item_a, label->item_b}, label->annotator))
        return origin;
    if (is_authentic(key, id, (fi_pair){label->item_b, label->item_a}, label->annotator))
        return exchange(origin);
    return none;
}
