/* Refuses targets that another reader could take for another path. */
#include "request_target.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "macros.h"

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

/* "." or "..", also with escaped dots. *ret_escaped: all of them are. */
static bool is_dot_segment(const char *segment, size_t size, bool *ret_escaped) {
    size_t dots = 0, escaped = 0;
    for (size_t i = 0; i < size; dots++) {
        if (segment[i] == '.') {
            i++;
        } else if (size - i >= 3 && strncasecmp(segment + i, "%2e", 3) == 0) {
            i += 3;
            escaped++;
        } else {
            return false;
        }
    }
    *ret_escaped = escaped == dots;
    return dots == 1 || dots == 2;
}

static const char *escape_fault(const char *path, size_t size) {
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
    }
    return NULL;
}

/* An id at the end of the path may be ".." too, as %2E%2E. */
static const char *path_fault(const char *path, size_t size) {
    for (size_t start = 0; start < size;) {
        size_t end = start;
        bool is_escaped;
        while (end < size && path[end] != '/')
            end++;
        if (is_dot_segment(path + start, end - start, &is_escaped) && (!is_escaped || end < size))
            return "the path has a dot segment";
        start = end + 1;
    }
    return escape_fault(path, size);
}

/* ---- the forms of a target ---- */

size_t fd_request_target_authority(const char *target, size_t size, size_t *ret_size) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < FD_LENGTH(schemes); i++) {
        size_t start = strlen(schemes[i]);
        if (size < start || strncasecmp(target, schemes[i], start) != 0)
            continue;
        size_t end = start;
        while (end < size && target[end] != '/' && target[end] != '?' && target[end] != '#')
            end++;
        *ret_size = end - start;
        return start;
    }
    *ret_size = 0;
    return 0;
}

const char *fd_request_target_fault(const char *target, size_t size) {
    size_t authority_size;
    size_t start = fd_request_target_authority(target, size, &authority_size);
    if (start > 0 && authority_size == 0)
        return "the target has no host";
    start += authority_size;
    if (start == 0 && (size == 0 || target[0] != '/'))
        return "the target is not a path";
    size_t path_size = size - start;
    target += start;
    size -= start;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)target[i];
        if (c <= ' ' || c >= 0x7f)
            return "the target has a character that must be escaped";
        if (c == '#')
            return "the target has a fragment";
        if (c == '?' && path_size == size)
            path_size = i;
        /* libmicrohttpd would cut it there */
        if (c == '%' && escaped_byte(target + i, size - i) == 0)
            return "the target has an escaped NUL";
    }
    return path_fault(target, path_size);
}

char *fd_request_target_path(const char *target) {
    size_t authority_size;
    size_t start = fd_request_target_authority(target, strlen(target), &authority_size);
    const char *path = target + start + authority_size;
    size_t size = strcspn(path, "?");
    return size > 0 ? strndup(path, size) : strdup("/");
}

void fd_request_target_decode(const char *text, size_t size, char *ret) {
    for (size_t i = 0; i < size; i++) {
        int byte = text[i] == '%' ? escaped_byte(text + i, size - i) : -1;
        if (byte < 0) {
            *ret++ = text[i];
            continue;
        }
        *ret++ = (char)byte;
        i += 2;
    }
    *ret = '\0';
}
