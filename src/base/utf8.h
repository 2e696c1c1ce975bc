/* Characters in UTF-8 (RFC 3629). */
#ifndef FD_UTF8_H
#define FD_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The number of bytes of the first character of a text; 1 for the NUL at its end. 0 if the bytes
 * are not a character: invalid, cut off, or encoded in more bytes than necessary. */
static inline size_t fd_utf8_length(const char *text) {
    uint8_t first = (uint8_t)text[0], second = first == 0 ? 0 : (uint8_t)text[1];
    size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length > 1 && (first < 0xc2 || first > 0xf4 || (first == 0xe0 && second < 0xa0) ||
                       (first == 0xf0 && second < 0x90)))
        return 0;
    for (size_t i = 1; i < length; i++)
        if (((uint8_t)text[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

#endif
