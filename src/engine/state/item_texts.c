/* Hashes the texts of an item by SipHash, which reads eight bytes at a time. */
#include "item_texts.h"

#include <sodium.h>
#include <string.h>

static const char white_space[] = " \t\n\v\f\r";

/* Like the page, which shows no difference there, the hash leaves out white space at the ends. */
static uint64_t hash_of(const char *text) {
    static const unsigned char key[crypto_shorthash_KEYBYTES] = {0};
    unsigned char bytes[crypto_shorthash_BYTES];
    uint64_t hash;
    _Static_assert(sizeof(bytes) == sizeof(hash), "the hash is one number");
    if (!text)
        return FD_TEXT_ABSENT;
    text += strspn(text, white_space);
    size_t length = strlen(text);
    while (length > 0 && strchr(white_space, text[length - 1]))
        length--;
    if (length == 0)
        return FD_TEXT_BLANK;
    (void)crypto_shorthash(bytes, (const unsigned char *)text, length, key);
    memcpy(&hash, bytes, sizeof(hash));
    return hash > FD_TEXT_BLANK ? hash : hash + 2;
}

fd_item_texts fd_item_texts_of(const fd_item_row *row) {
    uint64_t prompt = hash_of(row->prompt), response = hash_of(row->response);
    uint64_t mixed = (prompt ^ prompt >> 29) * 0x9e3779b97f4a7c15u;
    return (fd_item_texts){.response = response, .shown = mixed ^ response};
}
