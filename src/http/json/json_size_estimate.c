/* Estimates depth and memory of a JSON tree. jansson recurses into what it parses, and keeps each
 * number as an object of its own, so both are bounded before it parses. */
#include "json_size_estimate.h"

#include <string.h>

/* The most bytes that jansson 2.14 allocates for the value that a byte announces, with the room
 * that its list or table needs while it grows, and with what our reader adds. */
static const unsigned short memory_of[256] = {
    [','] = 72,               /* a number and its element of a list */
    ['['] = 208,              /* a list and a first number */
    ['{'] = 320, [':'] = 112, /* a member and its number */
    ['"'] = 112,              /* a string, without its bytes */
};

/* What follows the quote that ends a string; the end of the body if none does. Most of a body with
 * embeddings lies within strings, so memchr goes through them. */
static size_t skip_string(const char *body, size_t at, size_t size) {
    size_t start = at;
    while (at < size) {
        const char *quote = memchr(body + at, '"', size - at);
        if (!quote)
            return size;
        size_t end = (size_t)(quote - body), escapes = 0;
        while (end - escapes > start && quote[-1 - (ptrdiff_t)escapes] == '\\')
            escapes++;
        at = end + 1;
        if (escapes % 2 == 0)
            return at;
        start = at; /* backslashes before it belong to it */
    }
    return size;
}

fd_json_extent fd_json_estimate(const char *body, size_t size) {
    fd_json_extent extent = {.memory = size};
    size_t depth = 0;
    for (size_t i = 0; i < size;) {
        char c = body[i++];
        depth += c == '[' || c == '{';
        depth -= (c == ']' || c == '}') && depth > 0;
        extent.depth = depth > extent.depth ? depth : extent.depth;
        extent.memory += memory_of[(unsigned char)c];
        if (c == '"')
            i = skip_string(body, i, size);
    }
    return extent;
}
