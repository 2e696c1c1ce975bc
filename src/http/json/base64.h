/* Reads base64 (RFC 4648, section 4: standard alphabet, with padding), several times as fast as
 * libsodium, which takes the same time for every text because texts may be secret. libsodium 1.0.18
 * also takes bytes from 0x80 on for letters. */
#ifndef FD_BASE64_H
#define FD_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "macros.h"

/* Decodes a text [length] into `bytes` [room]; *ret_size are written. False for anything else:
 * other characters, bits beyond the last byte, missing padding, or too little room. */
bool fd_base64_decode(const char *text, size_t length, unsigned char *bytes, size_t room,
                      size_t *ret_size) FD_MUST_CHECK;

#endif
