/* Characters in UTF-8 (RFC 3629). */
#ifndef FD_UTF8_H
#define FD_UTF8_H

#include <stdbool.h>
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

/*
 * Whether the first character of a text is a control character, or one that changes how others are
 * shown: U+0000 to U+001F, U+007F to U+009F, marks of direction (U+061C, U+200E, U+200F),
 * separators of lines and paragraphs (U+2028, U+2029), and embeddings, overrides and isolates
 * (U+202A to U+202E, U+2066 to U+2069). Bytes that are no character count too: some terminals take
 * them for control characters.
 */
static inline bool fd_utf8_is_control(const char *text) {
    size_t length = fd_utf8_length(text);
    uint8_t first = (uint8_t)text[0];
    if (length < 2)
        return length == 0 || first < ' ' || first == 0x7f;
    uint8_t second = (uint8_t)text[1];
    if (length == 2)
        return (first == 0xc2 && second < 0xa0) || (first == 0xd8 && second == 0x9c);
    uint8_t third = (uint8_t)text[2];
    if (length > 3 || first != 0xe2)
        return false;
    if (second == 0x80)
        return third == 0x8e || third == 0x8f || (third >= 0xa8 && third <= 0xae);
    return second == 0x81 && third >= 0xa6 && third <= 0xa9;
}

#endif
