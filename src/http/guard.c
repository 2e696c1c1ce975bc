#include "guard.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

static bool has_control_characters(const char *text) {
    for (; *text; text++)
        if (((unsigned char)*text < ' ' && *text != '\t') || (unsigned char)*text == 0x7f)
            return true;
    return false;
}

static void take_length(fd_guard *guard, const char *value) {
    size_t digits = strspn(value, "0123456789");
    guard->content_lengths++;
    if (digits == 0 || digits > 15 || value[digits + strspn(value + digits, " \t")] != '\0') {
        guard->has_bad_length = true;
        return;
    }
    guard->length = 0;
    for (size_t i = 0; i < digits; i++)
        guard->length = guard->length * 10 + (unsigned)(value[i] - '0');
}

void fd_guard_header(fd_guard *guard, const char *name, const char *value) {
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    guard->headers++;
    guard->has_bad_name |= name[0] == '\0' || name[strspn(name, token)] != '\0';
    guard->has_control_characters |= has_control_characters(name) || has_control_characters(value);
    if (strcasecmp(name, "Host") == 0) {
        guard->hosts++;
    } else if (strcasecmp(name, "Content-Type") == 0) {
        guard->content_types++;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        take_length(guard, value);
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        guard->transfer_encodings++;
        guard->is_chunked = strcasecmp(value, "chunked") == 0;
    }
}

/* libmicrohttpd joins the second line to the name and moves that: "Content-Length:", " 19" becomes
 * a header "Content-Length19". What came in one line still stands in one line. */
bool fd_guard_is_folded(const char *name, const char *value) {
    const char *after = name + strlen(name) + 1;
    if ((uintptr_t)value < (uintptr_t)after)
        return true;
    for (; after != value; after++)
        if (*after != ' ' && *after != '\t')
            return true;
    return false;
}

/* ---- the target ---- */

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that an escape stands for, or -1 if it is none. */
static int escaped_byte(const char *text) {
    int high = hex_value(text[1]);
    int low = high < 0 ? -1 : hex_value(text[2]);
    return low < 0 ? -1 : high * 16 + low;
}

/* "." or "..", also with escaped dots. */
static bool is_dot_segment(const char *segment, size_t length) {
    size_t dots = 0;
    for (size_t i = 0; i < length; dots++) {
        if (segment[i] == '.')
            i++;
        else if (length - i >= 3 && strncasecmp(segment + i, "%2e", 3) == 0)
            i += 3;
        else
            return false;
    }
    return dots == 1 || dots == 2;
}

static const char *wrong_with_path(const char *path, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (path[i] == '\\')
            return "the path has a backslash";
        if (path[i] != '%')
            continue;
        int byte = escaped_byte(path + i);
        if (byte < 0)
            return "the path has an escape that is none";
        if (byte < ' ' || byte == 0x7f)
            return "the path has a control character";
        if (byte == '/' || byte == '\\')
            return "the path has an escaped slash";
    }
    for (size_t start = 0; start < length;) {
        size_t end = start;
        while (end < length && path[end] != '/')
            end++;
        if (is_dot_segment(path + start, end - start))
            return "the path has a dot segment";
        start = end + 1;
    }
    return NULL;
}

unsigned fd_guard_check_target(const char *raw_target, const char **ret_detail) {
    if (strlen(raw_target) > FD_TARGET_MAX) {
        *ret_detail = "the target is too long";
        return 414;
    }
    *ret_detail = NULL;
    for (const char *c = raw_target; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
            *ret_detail = "the target has a character that must be escaped";
    if (raw_target[0] != '/')
        *ret_detail = "the target is no path";
    if (strchr(raw_target, '#'))
        *ret_detail = "the target has a fragment";
    if (strstr(raw_target, "%00"))
        *ret_detail = "the target has a NUL"; /* where libmicrohttpd would cut a parameter */
    if (!*ret_detail)
        *ret_detail = wrong_with_path(raw_target, strcspn(raw_target, "?"));
    return *ret_detail ? 400 : 0;
}

/* ---- the headers ---- */

unsigned fd_guard_check_headers(const fd_guard *guard, const char *version,
                                const char **ret_detail) {
    const char *detail = NULL;
    if (guard->headers > FD_HEADERS_MAX) {
        *ret_detail = "there are too many headers";
        return 431;
    }
    if (guard->has_control_characters)
        detail = "a header has a control character";
    else if (guard->has_folded_line)
        detail = "a header has more than one line";
    else if (guard->has_bad_name)
        detail = "the name of a header is no token";
    else if (guard->content_types > 1)
        detail = "there is more than one Content-Type";
    else if (guard->hosts > 1 || (guard->hosts == 0 && strcmp(version, "HTTP/1.0") != 0))
        detail = "there must be exactly one Host";
    else if (guard->content_lengths > 1)
        detail = "there is more than one Content-Length";
    else if (guard->has_bad_length)
        detail = "Content-Length is no number";
    else if (guard->content_lengths > 0 && guard->transfer_encodings > 0)
        detail = "there are both Content-Length and Transfer-Encoding";
    else if (guard->transfer_encodings > 1 ||
             (guard->transfer_encodings == 1 &&
              (!guard->is_chunked || strcmp(version, "HTTP/1.0") == 0)))
        detail = "the only Transfer-Encoding taken is chunked, in HTTP/1.1";
    *ret_detail = detail;
    return detail ? 400 : 0;
}
