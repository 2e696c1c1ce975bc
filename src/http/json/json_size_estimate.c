/* Estimates depth and memory of a JSON tree. jansson recurses into what it parses, and keeps each
 * number as an object of its own, so both are bounded before it parses. */
#include "json_size_estimate.h"

#include <stdbool.h>

/* The most bytes that jansson 2.14 allocates for the value that a byte announces, with the room
 * that its list or table needs while it grows, and with what our reader adds. */
static const unsigned short memory_of[256] = {
    [','] = 72,               /* a number and its element of a list */
    ['['] = 208,              /* a list and a first number */
    ['{'] = 320, [':'] = 112, /* a member and its number */
    ['"'] = 112,              /* a string, without its bytes */
};

fd_json_extent fd_json_estimate(const char *body, size_t size) {
    fd_json_extent extent = {.memory = size};
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        char c = body[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
            continue;
        }
        in_string = c == '"';
        depth += c == '[' || c == '{';
        depth -= (c == ']' || c == '}') && depth > 0;
        extent.depth = depth > extent.depth ? depth : extent.depth;
        extent.memory += memory_of[(unsigned char)c];
    }
    return extent;
}
