/* Refuses targets that another reader could take for another path. */
#include "request_target.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

int fd_hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the percent escape at the beginning of the text means; -1 if it is not one. */
static int escaped_byte(const char *text, size_t size) {
    if (size < 3)
        return -1;
    int high = fd_hex_value(text[1]), low = fd_hex_value(text[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* "." or "..", also with escaped dots. */
static bool is_dot_segment(const char *segment, size_t size) {
    size_t dots = 0;
    for (size_t i = 0; i < size; dots++) {
        if (segment[i] == '.')
            i++;
        else if (size - i >= 3 && strncasecmp(segment + i, "%2e", 3) == 0)
            i += 3;
        else
            return false;
    }
    return dots == 1 || dots == 2;
}

static const char *path_fault(const char *path, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (path[i] == '\\')
            return "the path has a backslash";
        if (path[i] != '%')
            continue;
        int byte = escaped_byte(path + i, size - i);
        if (byte < 0)
            return "the path has an invalid percent escape";
        if (byte < ' ' || byte == 0x7f)
            return "the path has a control character";
        if (byte == '/' || byte == '\\')
            return "the path has an escaped slash";
    }
    for (size_t start = 0; start < size;) {
        size_t end = start;
        while (end < size && path[end] != '/')
            end++;
        if (is_dot_segment(path + start, end - start))
            return "the path has a dot segment";
        start = end + 1;
    }
    return NULL;
}

const char *fd_request_target_fault(const char *target, size_t size) {
    if (size == 0 || target[0] != '/')
        return "the target is not a path";
    size_t path_size = size;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)target[i];
        if (c <= ' ' || c >= 0x7f)
            return "the target has a character that must be escaped";
        if (c == '#')
            return "the target has a fragment";
        if (c == '?' && path_size == size)
            path_size = i;
        if (c == '%' && escaped_byte(target + i, size - i) == 0)
            return "the target has an escaped NUL"; /* libmicrohttpd would cut it there
                                                     */
    }
    return path_fault(target, path_size);
}
