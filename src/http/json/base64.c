/* Reads base64, four characters at a time. */
#include "base64.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

enum { WRONG = 1 << 24 }; /* above the 24 bits of a group */

/* For each place in a group, the bits of a character: 0 to 63, shifted to where they belong. */
static uint32_t bits_of[4][256];

static void fill_tables(void) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (unsigned place = 0; place < 4; place++) {
        for (unsigned c = 0; c < 256; c++)
            bits_of[place][c] = WRONG;
        for (uint32_t bits = 0; bits < 64; bits++)
            bits_of[place][(unsigned char)alphabet[bits]] = bits << (18 - 6 * place);
    }
}

static uint32_t group_of(const char *text) {
    const unsigned char *from = (const unsigned char *)text;
    return bits_of[0][from[0]] | bits_of[1][from[1]] | bits_of[2][from[2]] | bits_of[3][from[3]];
}

static void put_group(uint32_t group, unsigned char bytes[static 3]) {
    bytes[0] = (unsigned char)(group >> 16);
    bytes[1] = (unsigned char)(group >> 8);
    bytes[2] = (unsigned char)group;
}

/* The last group has up to two characters of padding, and only zeros in the bits that they hide. */
static bool decode_last(const char *text, unsigned char *bytes, size_t room, size_t *ret_size) {
    size_t padding = text[3] != '=' ? 0 : text[2] != '=' ? 1 : 2;
    char whole[4];
    memcpy(whole, text, sizeof(whole));
    if (padding > 1)
        whole[2] = 'A';
    if (padding > 0)
        whole[3] = 'A';
    uint32_t group = group_of(whole);
    unsigned char last[3];
    if (group >= WRONG || (group & ((1U << 8 * padding) - 1)) != 0 || 3 - padding > room)
        return false;
    put_group(group, last);
    memcpy(bytes, last, 3 - padding);
    *ret_size = 3 - padding;
    return true;
}

bool fd_base64_decode(const char *text, size_t length, unsigned char *bytes, size_t room,
                      size_t *ret_size) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, fill_tables);
    *ret_size = 0;
    if (length == 0)
        return true;
    size_t groups = length / 4 - (length >= 4), rest = 0;
    if (length % 4 != 0 || 3 * groups > room)
        return false;
    uint32_t seen = 0;
    for (size_t i = 0; i < groups; i++) {
        uint32_t group = group_of(text + 4 * i);
        put_group(group, bytes + 3 * i);
        seen |= group;
    }
    if (seen >= WRONG ||
        !decode_last(text + 4 * groups, bytes + 3 * groups, room - 3 * groups, &rest))
        return false;
    *ret_size = 3 * groups + rest;
    return true;
}
